#include "sim/tape.h"

#include <gtest/gtest.h>

namespace pgweir::sim {
namespace {

std::vector<std::uint32_t> draw(Tape& tape, int count, std::uint32_t bound) {
  std::vector<std::uint32_t> drawn;
  for (int i = 0; i < count; ++i) drawn.push_back(tape.below(bound));
  return drawn;
}

TEST(Tape, the_same_seed_draws_the_same) {
  Tape one = Tape::from_seed(7);
  Tape same = Tape::from_seed(7);
  Tape other = Tape::from_seed(8);
  const std::vector<std::uint32_t> drawn = draw(one, 50, 1000);
  EXPECT_EQ(drawn, draw(same, 50, 1000));
  EXPECT_NE(drawn, draw(other, 50, 1000));
}

TEST(Tape, a_recording_is_the_same_run) {
  Tape tape = Tape::from_seed(7);
  const std::vector<std::uint32_t> drawn = draw(tape, 50, 1000);
  Tape again = Tape::replay(tape.choices());
  EXPECT_EQ(draw(again, 50, 1000), drawn);
}

TEST(Tape, one_that_has_run_out_is_calm) {
  Tape tape = Tape::replay({5, 17});
  EXPECT_EQ(draw(tape, 4, 10), (std::vector<std::uint32_t>{5, 7, 0, 0}));
  EXPECT_FALSE(tape.chance(99, 100));
}

TEST(Tape, choices_stay_below_their_bound_and_reach_it) {
  Tape tape = Tape::from_seed(1);
  std::vector<int> seen(6);
  for (int i = 0; i < 600; ++i) ++seen.at(tape.below(6));
  for (const int count : seen) EXPECT_GT(count, 0);
}

}  // namespace
}  // namespace pgweir::sim
