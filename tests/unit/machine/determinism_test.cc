// The same events in the same order make the same effects, byte for byte. Between compilers and
// optimisation levels tests/hygiene/trace_hashes.py compares the same runs.
#include <gtest/gtest.h>

#include "sim/mixed_run.h"
#include "sim/world.h"

namespace pgweir {
namespace {

std::uint64_t trace_of(const std::string& sql) {
  sim::World world;
  world.query(world.client(), sql);
  EXPECT_EQ(world.finish(), "");
  return world.shell().trace_hash();
}

TEST(DeterminismTest, the_same_run_twice_has_the_same_trace) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const sim::MixedRun first = sim::mixed_run(seed);
    EXPECT_EQ(first.complaints, "") << "seed " << seed;
    EXPECT_EQ(first.trace_hash, sim::mixed_run(seed).trace_hash)
        << "seed " << seed << ": something in core or sim depends on more than events";
  }
}

TEST(DeterminismTest, another_seed_is_another_run) {
  EXPECT_NE(sim::mixed_run(1).trace_hash, sim::mixed_run(2).trace_hash);
}

TEST(DeterminismTest, one_other_byte_makes_another_trace) {
  EXPECT_NE(trace_of("select 'one'"), trace_of("select 'two'"));
}

}  // namespace
}  // namespace pgweir
