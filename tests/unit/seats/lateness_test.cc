#include "core/seats/lateness.h"

#include <gtest/gtest.h>

namespace pgweir::seats {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{1s};

TEST(Lateness, IsTheMostOfLate) {
  Lateness lateness;
  EXPECT_EQ(lateness.of_late(start), 0ms);
  lateness.note(start, 3ms);
  lateness.note(start + 1ms, 2ms);
  EXPECT_EQ(lateness.of_late(start + 2ms), 3ms);
}

TEST(Lateness, IsRememberedForAWhile) {
  Lateness lateness;
  lateness.note(start, 3ms);
  EXPECT_EQ(lateness.of_late(start + limits::lateness_remembered - 1ms), 3ms);
  lateness.note(start + limits::lateness_remembered, 1ms);
  EXPECT_EQ(lateness.of_late(start + limits::lateness_remembered + 1ms), 3ms);
  EXPECT_EQ(lateness.of_late(start + 2 * limits::lateness_remembered), 1ms);
  EXPECT_EQ(lateness.of_late(start + 10 * limits::lateness_remembered), 0ms);
}

TEST(Lateness, HasABound) {
  Lateness lateness;
  lateness.note(start, 1h);
  EXPECT_EQ(lateness.of_late(start), limits::lateness_max);
}

}  // namespace
}  // namespace pgweir::seats
