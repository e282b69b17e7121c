#include "sim/shrink.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace pgweir::sim {
namespace {

bool never_up() { return false; }

TEST(Shrink, leaves_what_the_failure_needs_and_nothing_else) {
  Choices choices;
  for (auto& tape : choices) {
    tape.resize(100);
    std::iota(tape.begin(), tape.end(), 0u);
  }
  const auto fails = [](const Choices& tried) {
    return std::ranges::count(tried[1], 42u) > 0 && std::ranges::count(tried[3], 7u) > 0;
  };
  const Choices small = shrink(choices, fails, never_up);
  EXPECT_EQ(small[1], std::vector<std::uint32_t>{42});
  EXPECT_EQ(small[3], std::vector<std::uint32_t>{7});
  EXPECT_TRUE(small[0].empty());
  EXPECT_TRUE(small[2].empty());
}

TEST(Shrink, makes_choices_smaller) {
  const Choices choices{std::vector<std::uint32_t>{900}, {}, {}, {}};
  const auto fails = [](const Choices& tried) { return !tried[0].empty() && tried[0][0] >= 100; };
  EXPECT_EQ(shrink(choices, fails, never_up)[0], std::vector<std::uint32_t>{112});
}

TEST(Shrink, stops_when_its_time_is_up) {
  const Choices choices{std::vector<std::uint32_t>(1000, 1), {}, {}, {}};
  const auto fails = [](const Choices&) { return true; };
  EXPECT_EQ(shrink(choices, fails, [] { return true; }), choices);
}

}  // namespace
}  // namespace pgweir::sim
