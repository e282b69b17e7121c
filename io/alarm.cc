#include "io/alarm.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "core/base/assert.h"

namespace pgweir::io {

Alarm::Alarm(Loop& loop, std::function<void()> ring)
    : ring_(std::move(ring)),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  PGWEIR_REQUIRE(timer_ && loop.watch(timer_.get(), EPOLLIN, *this));
}

void Alarm::set(Instant due) {
  // A zero would disarm it.
  const std::int64_t ns = std::max<std::int64_t>(due.time_since_epoch().count(), 1);
  itimerspec when{};
  when.it_value.tv_sec = ns / 1'000'000'000;
  when.it_value.tv_nsec = ns % 1'000'000'000;
  PGWEIR_REQUIRE(::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr) == 0, ns);
}

void Alarm::ready(std::uint32_t) {
  std::uint64_t times = 0;
  // Nothing to read when it was set anew in the same turn.
  if (::read(timer_.get(), &times, sizeof times) == sizeof times) ring_();
}

}  // namespace pgweir::io
