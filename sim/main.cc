// pgweir-sim: runs the machine in a simulated world and judges what it does.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "sim/assertions.h"
#include "sim/simulation.h"
#include "sim/story.h"

namespace pgweir::sim {
namespace {

struct Arguments {
  std::string mode = "safety";
  std::uint64_t seed = 0;
  std::uint64_t first = 1;
  std::uint64_t seeds = 0;
  bool story = false;
};

// What runs now, for the last words of a failed assertion.
struct Running {
  Mode mode = Mode::smoke;
  std::uint64_t seed = 0;
} running;

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) {
  std::printf("seed: %" PRIu64
              "\noracle: %s\n  %s\n  at %s:%d\nagain: pgweir-sim --mode %s --seed %" PRIu64 "\n",
              running.seed, std::string(oracle::core_invariants).c_str(), condition, file, line,
              std::string(name_of(running.mode)).c_str(), running.seed);
  std::fflush(stdout);
  std::_Exit(1);
}

Outcome run_seed(Mode mode, std::uint64_t seed) {
  running = {mode, seed};
  Tapes tapes = Tapes::from_seed(seed);
  const RunOptions options = draw_options(mode, tapes.options);
  Simulation simulation(options, tapes);
  return simulation.run();
}

void tell(const Outcome& outcome, Mode mode, std::uint64_t seed) {
  Tapes tapes = Tapes::from_seed(seed);
  const RunOptions options = draw_options(mode, tapes.options);
  std::printf("seed: %" PRIu64 "\noracle: %s\n  %s\nat step %" PRIu64
              ", simulated %.6f s\n%s"
              "again: pgweir-sim --mode %s --seed %" PRIu64 "\n",
              seed, outcome.finding->oracle.c_str(), outcome.finding->what.c_str(),
              outcome.step_count, static_cast<double>(outcome.simulated.count()) / 1e9,
              describe(options).c_str(), std::string(name_of(mode)).c_str(), seed);
}

// The run in words, up to its end or its failure.
int tell_story(Mode mode, std::uint64_t seed) {
  running = {mode, seed};
  Tapes tapes = Tapes::from_seed(seed);
  const RunOptions options = draw_options(mode, tapes.options);
  Story story;
  Simulation simulation(options, tapes,
                        [&](Instant now, const Event& event, std::span<const Effect> effects) {
                          std::fputs(story.tell(now, event, effects).c_str(), stdout);
                        });
  const Outcome outcome = simulation.run();
  if (outcome.finding) tell(outcome, mode, seed);
  return outcome.finding ? 1 : 0;
}

int run(const Arguments& arguments) {
  const auto mode = mode_named(arguments.mode);
  if (!mode) {
    std::fprintf(stderr, "pgweir-sim: no mode %s\n", arguments.mode.c_str());
    return 2;
  }
  if (arguments.story) return tell_story(*mode, arguments.seed);
  const std::uint64_t first = arguments.seeds > 0 ? arguments.first : arguments.seed;
  const std::uint64_t count = std::max<std::uint64_t>(arguments.seeds, 1);
  std::uint64_t steps = 0;
  std::uint64_t asked = 0;
  std::uint64_t answered = 0;
  const auto began = std::chrono::steady_clock::now();
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const Outcome outcome = run_seed(*mode, seed);
    steps += outcome.step_count;
    asked += outcome.asked_count;
    answered += outcome.answered_count;
    if (outcome.finding) {
      tell(outcome, *mode, seed);
      return 1;
    }
  }
  const double took =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::printf(
      "%" PRIu64 " seeds, %" PRIu64 " steps, 0 failures, %.1f %% answered, %.0f steps/s\n", count,
      steps,
      asked == 0 ? 100.0 : 100.0 * static_cast<double>(answered) / static_cast<double>(asked),
      static_cast<double>(steps) / took);
  return 0;
}

}  // namespace
}  // namespace pgweir::sim

int main(int argc, char** argv) {
  CLI::App app("Runs pgweir's state machine in a simulated world and judges what it does.");
  pgweir::sim::Arguments arguments;
  app.add_option("--mode", arguments.mode,
                 "smoke, calm, safety, liveness, drain, overload, lifetime");
  app.add_option("--seed", arguments.seed, "one run");
  app.add_option("--seeds", arguments.seeds, "a batch of so many");
  app.add_option("--first", arguments.first, "the first seed of a batch");
  app.add_flag("--story", arguments.story, "of one seed: every step, in words");
  CLI11_PARSE(app, argc, argv);
  pgweir::sim::set_last_words(pgweir::sim::assertion_failed);
  return pgweir::sim::run(arguments);
}
