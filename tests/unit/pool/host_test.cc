#include "core/pool/host.h"

#include <gtest/gtest.h>

namespace pgweir::pool {
namespace {

using namespace std::chrono_literals;

const PgError refused{sqlstate::connection_failure, "connection refused"};
Instant at(Duration since_start) { return Instant(since_start); }

Host host_with(std::size_t addresses) {
  Host host;
  host.addresses.resize(addresses);
  return host;
}

TEST(Host, IsAskedInParallelUpToItsBound) {
  Host host = host_with(1);
  for (std::uint32_t i = 0; i < limits::host_connecting_max; ++i) {
    ASSERT_TRUE(host.may_connect(at(10s)));
    host.connect_begins(at(10s));
  }
  EXPECT_FALSE(host.may_connect(at(10s)));
  --host.connecting;
  EXPECT_TRUE(host.may_connect(at(10s)));
}

TEST(Host, IsAskedAtABoundedRate) {
  Host host = host_with(1);
  for (std::uint32_t i = 0; i < limits::host_connects_per_second; ++i) {
    host.connect_begins(at(10s));
    --host.connecting;
  }
  EXPECT_FALSE(host.may_connect(at(10s + 999ms)));
  EXPECT_EQ(host.retry_at(at(10s)), at(11s));
  EXPECT_TRUE(host.may_connect(at(11s)));
}

TEST(Host, ThatIsDownGetsOneProbeAfterItsPause) {
  Host host = host_with(1);
  host.unreachable(at(10s), 15s, 128, refused);
  EXPECT_FALSE(host.may_connect(at(10s)));
  const Instant retry = host.retry_at(at(10s));
  EXPECT_TRUE(host.may_connect(retry));
  host.connect_begins(retry);
  EXPECT_FALSE(host.may_connect(at(1h))) << "one probe at a time";
}

TEST(Host, ThatIsDownIsNotBackByALoginThatBeganBefore) {
  Host host = host_with(1);
  host.connect_begins(at(10s));
  host.connect_begins(at(10s));
  --host.connecting;
  host.unreachable(at(10s), 15s, 128, refused);
  --host.connecting;
  host.reached();
  EXPECT_TRUE(host.back_off.failing());
  host.connect_begins(host.retry_at(at(10s)));
  --host.connecting;
  host.reached();
  EXPECT_FALSE(host.back_off.failing());
}

TEST(Host, TriesEveryAddressBeforeItBacksOff) {
  Host host = host_with(3);
  host.unreachable(at(10s), 15s, 0, refused);
  host.unreachable(at(10s), 15s, 0, refused);
  EXPECT_FALSE(host.back_off.failing());
  EXPECT_EQ(host.next_address, 2u);
  host.unreachable(at(10s), 15s, 0, refused);
  EXPECT_TRUE(host.back_off.failing());
}

TEST(BackOff, DoublesUpToServerLoginRetryAndForgetsOnSuccess) {
  BackOff back_off;
  Duration before = 0s;
  Instant now = at(0s);
  for (int i = 0; i < 20; ++i, now = back_off.retry_at()) {
    back_off.failed(now, 15s, 128, refused, false);
    const Duration pause = back_off.retry_at() - now;
    EXPECT_GE(pause, before);
    EXPECT_LE(pause, 19s);
    before = pause;
  }
  EXPECT_GE(before, 14s);
  back_off.succeeded();
  EXPECT_FALSE(back_off.failing());
}

TEST(BackOff, CountsAttemptsThatFailTogetherAsOne) {
  BackOff back_off;
  for (int i = 0; i < 16; ++i) back_off.failed(at(0s), 15s, 128, refused, i == 7);
  EXPECT_LT(back_off.retry_at(), at(1s)) << "a short outage keeps clients waiting for long";
}

TEST(BackOff, PausesEvenWithoutServerLoginRetry) {
  BackOff back_off;
  back_off.failed(at(0s), 0s, 128, refused, false);
  EXPECT_GT(back_off.retry_at(), at(0s)) << "a host that refuses is asked without end";
}

TEST(BackOff, IsSpreadByItsJitter) {
  BackOff low;
  BackOff high;
  low.failed(at(0s), 15s, 0, refused, false);
  high.failed(at(0s), 15s, 255, refused, false);
  EXPECT_LT(low.retry_at(), high.retry_at());
}

}  // namespace
}  // namespace pgweir::pool
