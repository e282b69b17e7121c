// pgweir-sim: runs the machine in a simulated world and judges what it does.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "sim/assertions.h"
#include "sim/exhaustive.h"
#include "sim/simulation.h"
#include "sim/story.h"
#include "sim/trial.h"

namespace pgweir::sim {
namespace {

constexpr int usage_error = 2;
// Of a batch, one run in so many is made twice: the same seed has to be the same run.
constexpr std::uint64_t twice_every = 16;
constexpr double progress_seconds = 5;
// One world may be as bad as it likes; a batch must not be.
constexpr std::uint64_t useful_seeds_min = 20;
constexpr int shrink_seconds = 60;

struct Arguments {
  std::string mode = "safety";
  std::string seed = "1";
  std::uint64_t seeds = 0;
  unsigned jobs = 1;
  bool story = false;
  bool shrink = false;
  std::string choices;  // a file
};

// What this thread runs, for the last words of a failed assertion.
struct Running {
  Mode mode = Mode::smoke;
  std::uint64_t seed = 0;
};
thread_local Running running;

void tell_command(Mode mode, std::uint64_t seed) {
  const std::string name(name_of(mode));
  std::printf("again: pgweir-sim --mode %s --seed %" PRIu64 "\n", name.c_str(), seed);
  std::printf("story: pgweir-sim --mode %s --seed %" PRIu64 " --story\n", name.c_str(), seed);
}

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) {
  std::printf("seed: %" PRIu64 "\noracle: %s\n  %s\n  at %s:%d\n", running.seed,
              std::string(oracle::core_invariants).c_str(), condition, file, line);
  tell_command(running.mode, running.seed);
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

void tell(const Outcome& outcome, const RunOptions& options) {
  std::printf("oracle: %s\n  %s\nat step %" PRIu64 ", simulated %.6f s, with\n%s",
              outcome.finding->oracle.c_str(), outcome.finding->what.c_str(), outcome.step_count,
              static_cast<double>(outcome.simulated.count()) / 1e9, describe(options).c_str());
}

void tell(const Outcome& outcome, Mode mode, std::uint64_t seed) {
  Tapes tapes = Tapes::from_seed(seed);
  std::printf("seed: %" PRIu64 "\n", seed);
  tell(outcome, draw_options(mode, tapes.options));
  tell_command(mode, seed);
}

// The run in words, up to its end or its failure.
int tell_story(Mode mode, Tapes tapes) {
  const RunOptions options = draw_options(mode, tapes.options);
  Story story;
  Simulation simulation(options, tapes,
                        [&](Instant now, const Event& event, std::span<const Effect> effects) {
                          std::fputs(story.tell(now, event, effects).c_str(), stdout);
                        });
  const Outcome outcome = simulation.run();
  if (!outcome.finding) return 0;
  tell(outcome, options);
  return 1;
}

// The mode, then the choices of each tape, a line each.
bool write_choices(const std::string& path, Mode mode, const Choices& choices) {
  std::ofstream file(path);
  file << name_of(mode) << '\n';
  for (const auto& tape : choices) {
    for (const std::uint32_t choice : tape) file << choice << ' ';
    file << '\n';
  }
  return file.good();
}

std::optional<std::pair<Mode, Choices>> read_choices(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  const auto mode = mode_named(line);
  if (!mode) return std::nullopt;
  Choices choices;
  for (auto& tape : choices) {
    if (!std::getline(file, line)) return std::nullopt;
    std::istringstream numbers(line);
    for (std::uint32_t choice = 0; numbers >> choice;) tape.push_back(choice);
  }
  return {{*mode, std::move(choices)}};
}

std::size_t size_of(const Choices& choices) {
  std::size_t size = 0;
  for (const auto& tape : choices) size += tape.size();
  return size;
}

// A failure with few and calm choices, in a file that --choices tells the story of.
int shrink_seed(Mode mode, std::uint64_t seed) {
  const Trial first = try_seed(mode, seed);
  if (first.oracle.empty()) {
    std::printf("%s seed %" PRIu64 " does not fail\n", std::string(name_of(mode)).c_str(), seed);
    return 0;
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(shrink_seconds);
  std::uint64_t tried = 0;
  const Choices small = shrink(
      first.choices,
      [&](const Choices& choices) {
        ++tried;
        return try_choices(mode, choices).oracle == first.oracle;
      },
      [&] { return std::chrono::steady_clock::now() > end; });
  const std::string path = "shrunk-" + std::string(name_of(mode)) + "-" + std::to_string(seed);
  if (!write_choices(path, mode, small)) {
    std::fprintf(stderr, "pgweir-sim: could not write %s\n", path.c_str());
    return usage_error;
  }
  std::printf("oracle: %s\n%zu choices became %zu in %" PRIu64
              " runs\nstory: pgweir-sim --choices %s\n",
              first.oracle.c_str(), size_of(first.choices), size_of(small), tried, path.c_str());
  return 1;
}

// The seeds first to first + count - 1, by several threads, up to the first failure.
class Batch {
 public:
  Batch(Mode mode, std::uint64_t first, std::uint64_t count)
      : mode_(mode), first_(first), count_(count), next_(first) {}

  int run(unsigned jobs) {
    began_ = told_ = Clock::now();
    std::vector<std::jthread> threads;
    for (unsigned i = 1; i < jobs; ++i) threads.emplace_back([this] { work(); });
    work();
    threads.clear();
    if (failed_seed_) tell(failure_, mode_, *failed_seed_);
    tell_totals(stdout, "");
    return failed_seed_ || !useful() ? 1 : 0;
  }

 private:
  using Clock = std::chrono::steady_clock;

  // A world in which most fails by itself proves nothing.
  bool useful() const {
    const std::uint64_t percent_min = mode_ == Mode::calm ? 95 : 60;
    if (failed_seed_ || count_ < useful_seeds_min || answered_ * 100 >= asked_ * percent_min)
      return true;
    std::printf("oracle: %s\n  less than %" PRIu64 " %% of all requests were answered\n",
                std::string(oracle::useful_run).c_str(), percent_min);
    return false;
  }

  void work() {
    for (;;) {
      const std::uint64_t seed = next_++;
      if (seed - first_ >= count_ || stop_) return;
      Outcome outcome = run_seed(mode_, seed);
      if (!outcome.finding && seed % twice_every == 0) {
        const Outcome again = run_seed(mode_, seed);
        if (again.trace_hash != outcome.trace_hash) {
          outcome.finding = {std::string(oracle::determinism), "two runs of one seed differ"};
        }
      }
      count(seed, outcome);
    }
  }

  void count(std::uint64_t seed, const Outcome& outcome) {
    const std::scoped_lock lock(mutex_);
    ++done_;
    steps_ += outcome.step_count;
    asked_ += outcome.asked_count;
    answered_ += outcome.answered_count;
    if (outcome.finding && (!failed_seed_ || seed < *failed_seed_)) {
      failed_seed_ = seed;
      failure_ = outcome;
      stop_ = true;
    }
    const auto now = Clock::now();
    if (std::chrono::duration<double>(now - told_).count() < progress_seconds) return;
    told_ = now;
    tell_totals(stderr, "… ");
  }

  void tell_totals(std::FILE* to, const char* before) const {
    const double seconds = std::chrono::duration<double>(Clock::now() - began_).count();
    const double answered =
        asked_ == 0 ? 100 : 100 * static_cast<double>(answered_) / static_cast<double>(asked_);
    std::fprintf(to,
                 "%s%s: %" PRIu64 " seeds from %" PRIu64 ", %" PRIu64
                 " steps, %d failures, %.1f %% answered, %.1f seeds/s, %.0f steps/s\n",
                 before, std::string(name_of(mode_)).c_str(), done_, first_, steps_,
                 failed_seed_ ? 1 : 0, answered, static_cast<double>(done_) / seconds,
                 static_cast<double>(steps_) / seconds);
  }

  Mode mode_;
  std::uint64_t first_;
  std::uint64_t count_;
  std::atomic<std::uint64_t> next_;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  Clock::time_point began_;
  Clock::time_point told_;
  std::uint64_t done_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t asked_ = 0;
  std::uint64_t answered_ = 0;
  std::optional<std::uint64_t> failed_seed_;
  Outcome failure_;
};

// A number, or the hash of a commit, of which the first 15 digits count.
std::optional<std::uint64_t> read_seed(const std::string& text) {
  constexpr std::size_t commit_hash_size = 40;
  const bool hash = text.size() == commit_hash_size;
  const std::string digits = hash ? text.substr(0, 15) : text;
  std::uint64_t seed = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), seed, hash ? 16 : 10);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return seed;
}

int run_exhaustive() {
  const Exhausted sum = exhaust();
  if (sum.failure) std::printf("oracle: O-25 exhaustive\n  %s\n", sum.failure->c_str());
  std::printf("exhaustive: %" PRIu64 " runs, %" PRIu64 " steps, %d failures\n", sum.run_count,
              sum.step_count, sum.failure ? 1 : 0);
  return sum.failure ? 1 : 0;
}

int run(const Arguments& arguments) {
  if (arguments.mode == "exhaustive") return run_exhaustive();
  if (!arguments.choices.empty()) {
    const auto choices = read_choices(arguments.choices);
    if (choices) return tell_story(choices->first, Tapes::replay(choices->second));
    std::fprintf(stderr, "pgweir-sim: %s is no file of --shrink\n", arguments.choices.c_str());
    return usage_error;
  }
  const auto mode = mode_named(arguments.mode);
  const auto seed = read_seed(arguments.seed);
  if (!mode || !seed) {
    std::fprintf(stderr, "pgweir-sim: %s %s\n", mode ? "no number or commit hash:" : "no mode",
                 (mode ? arguments.seed : arguments.mode).c_str());
    return usage_error;
  }
  running = {*mode, *seed};
  if (arguments.shrink) return shrink_seed(*mode, *seed);
  if (arguments.story) return tell_story(*mode, Tapes::from_seed(*seed));
  return Batch(*mode, *seed, std::max<std::uint64_t>(arguments.seeds, 1)).run(arguments.jobs);
}

}  // namespace
}  // namespace pgweir::sim

int main(int argc, char** argv) {
  CLI::App app("Runs pgweir's state machine in a simulated world and judges what it does.");
  pgweir::sim::Arguments arguments;
  app.add_option("--mode", arguments.mode,
                 "exhaustive, smoke, calm, safety, liveness, drain, overload or lifetime "
                 "(default safety)");
  app.add_option("--seed", arguments.seed, "a number or the hash of a commit (default 1)");
  app.add_option("--seeds", arguments.seeds, "a batch of so many, from --seed on");
  app.add_option("-j,--jobs", arguments.jobs, "so many at once (default 1)")
      ->check(CLI::PositiveNumber);
  app.add_flag("--story", arguments.story, "of one seed: every step, in words");
  app.add_flag("--shrink", arguments.shrink, "of one seed that fails: a short run that fails too");
  app.add_option("--choices", arguments.choices, "the story of a run that --shrink has written");
  CLI11_PARSE(app, argc, argv);
  pgweir::sim::set_last_words(pgweir::sim::assertion_failed);
  return pgweir::sim::run(arguments);
}
