#include "core/base/timers.h"

#include <gtest/gtest.h>

namespace pgweir {
namespace {

using namespace std::chrono_literals;

Instant at(Duration since_start) { return Instant(since_start); }

TimerOwner client(std::uint32_t slot) { return {TimerOwner::Kind::client, slot, 1}; }

TEST(Timers, FireInOrderOfTheirDeadlinesAndNotBefore) {
  Timers timers;
  const Timers::Id late = timers.add(client(1));
  const Timers::Id early = timers.add(client(2));
  timers.at_latest(late, at(20s));
  timers.at_latest(early, at(10s));
  EXPECT_EQ(timers.next(), at(10s));
  EXPECT_FALSE(timers.pop(at(9s)));
  EXPECT_EQ(timers.pop(at(30s)), client(2));
  EXPECT_EQ(timers.pop(at(30s)), client(1));
  EXPECT_FALSE(timers.next());
}

TEST(Timers, OnlyAnEarlierDeadlineMovesOne) {
  Timers timers;
  const Timers::Id id = timers.add(client(1));
  timers.at_latest(id, at(10s));
  timers.at_latest(id, at(20s));
  EXPECT_EQ(timers.next(), at(10s));
  timers.at_latest(id, at(5s));
  EXPECT_EQ(timers.next(), at(5s));
  timers.at_latest(id, never);
  EXPECT_EQ(timers.next(), at(5s));
}

TEST(Timers, EqualDeadlinesFireInTheOrderOfTheirOwners) {
  Timers timers;
  const Timers::Id second = timers.add(client(2));
  const Timers::Id first = timers.add(client(1));
  timers.at_latest(second, at(10s));
  timers.at_latest(first, at(10s));
  EXPECT_EQ(timers.pop(at(10s)), client(1));
  EXPECT_EQ(timers.pop(at(10s)), client(2));
}

TEST(Timers, ARemovedOneNeverFiresAndItsPlaceIsUsedAgain) {
  Timers timers;
  const Timers::Id gone = timers.add(client(1));
  timers.at_latest(gone, at(10s));
  timers.remove(gone);
  EXPECT_FALSE(timers.next());
  const Timers::Id fresh = timers.add(client(2));
  EXPECT_EQ(fresh, gone);
  EXPECT_FALSE(timers.next());
  timers.at_latest(fresh, at(12s));
  EXPECT_EQ(timers.pop(at(12s)), client(2));
}

}  // namespace
}  // namespace pgweir
