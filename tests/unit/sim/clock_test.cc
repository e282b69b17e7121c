#include "sim/clock.h"

#include <gtest/gtest.h>

#include <string>

namespace pgweir::sim {
namespace {

using std::chrono::seconds;

void run_all(Clock& clock) {
  while (clock.next() != never) {
    clock.move_to(std::max(clock.now(), clock.next()));
    while (clock.run_due()) continue;
  }
}

TEST(Clock, tasks_run_in_the_order_of_their_instants) {
  Clock clock;
  std::string ran;
  clock.in(seconds(3), [&] { ran += 'c'; });
  clock.in(seconds(1), [&] { ran += 'a'; });
  clock.in(seconds(2), [&] { ran += 'b'; });
  EXPECT_FALSE(clock.run_due()) << "nothing is due yet";
  run_all(clock);
  EXPECT_EQ(ran, "abc");
}

TEST(Clock, tasks_of_one_instant_run_as_they_were_asked_for) {
  Clock clock;
  std::string ran;
  for (const char c : std::string("abcd")) clock.in(seconds(1), [&ran, c] { ran += c; });
  run_all(clock);
  EXPECT_EQ(ran, "abcd");
}

TEST(Clock, a_tie_may_be_broken_otherwise) {
  std::uint32_t next = 10;
  Clock clock(Instant(seconds(1)), [&] { return --next; });
  std::string ran;
  for (const char c : std::string("abcd")) clock.in(seconds(1), [&ran, c] { ran += c; });
  run_all(clock);
  EXPECT_EQ(ran, "dcba");
}

TEST(Clock, what_a_task_asks_for_at_once_comes_after_it) {
  Clock clock;
  std::string ran;
  clock.in(seconds(1), [&] {
    clock.in(seconds(0), [&] { ran += 'b'; });
    ran += 'a';
  });
  run_all(clock);
  EXPECT_EQ(ran, "ab");
  EXPECT_EQ(clock.now(), Instant(std::chrono::hours(1)) + seconds(1));
}

}  // namespace
}  // namespace pgweir::sim
