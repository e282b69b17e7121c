#include "sim/batch.h"

#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstddef>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sim/assertions.h"
#include "sim/story.h"

namespace pgweir::sim {

namespace {

// One run in so many is made twice: the same seed has to be the same run.
constexpr std::uint64_t twice_every = 16;
constexpr double progress_seconds = 5;
// One world may be as bad as it likes; a batch must not be.
constexpr std::uint64_t useful_seeds_min = 20;
// So many seeds of safety hit every probe that is not rare.
constexpr std::uint64_t probed_seeds_min = 200;

std::uint64_t answered_percent_min(Mode mode) { return mode == Mode::calm ? 95 : 60; }

using RealClock = std::chrono::steady_clock;

double seconds_since(RealClock::time_point then) {
  return std::chrono::duration<double>(RealClock::now() - then).count();
}

// What this thread runs, for the last words of a failed assertion.
struct Running {
  Mode mode = Mode::smoke;
  std::uint64_t seed = 0;
  bool in_words = true;  // its story is being told anyway
};
thread_local Running running;

void tell_command(Mode mode, std::uint64_t seed) {
  const std::string name(name_of(mode));
  std::printf("again: pgweir-sim --mode %s --seed %" PRIu64 "\n", name.c_str(), seed);
  std::printf("story: pgweir-sim --mode %s --seed %" PRIu64 " --story\n", name.c_str(), seed);
}

constexpr std::size_t last_steps_max = 12;
thread_local std::deque<std::string> last_steps;

void remember(std::string step) {
  if (last_steps.size() == last_steps_max) last_steps.pop_front();
  last_steps.push_back(std::move(step));
}

void tell_last_steps() {
  std::fputs("last steps:\n", stdout);
  for (const std::string& step : last_steps) std::fputs(step.c_str(), stdout);
}

// The same run once more, for its end.
void run_for_last_steps(Mode mode, std::uint64_t seed) {
  last_steps.clear();
  Tapes tapes = Tapes::from_seed(seed);
  const RunOptions options = draw_options(mode, tapes.options);
  Story story;
  Simulation again(
      options, tapes,
      {[&](Instant now, const Event& event, std::span<const Effect> effects) {
         remember(story.tell(now, event, effects));
       },
       [&](Instant now, const std::string& what) { remember(story.tell_fault(now, what)); }});
  again.run();
}

[[noreturn]] void end_of_failed_assertion(const char*, const char*, int) {
  if (!running.in_words) tell_last_steps();
  tell_command(running.mode, running.seed);
  std::fflush(stdout);
  std::_Exit(1);
}

void assertion_failed(const char* condition, const char* file, int line) {
  std::printf("seed: %" PRIu64 "\noracle: %s\n  %s\n  at %s:%d\n", running.seed,
              std::string(oracle::core_invariants).c_str(), condition, file, line);
  set_last_words(end_of_failed_assertion);
  if (!running.in_words) run_for_last_steps(running.mode, running.seed);
  end_of_failed_assertion(condition, file, line);
}

Outcome run_seed(Mode mode, std::uint64_t seed) {
  running = {mode, seed, false};
  Tapes tapes = Tapes::from_seed(seed);
  const RunOptions options = draw_options(mode, tapes.options);
  Simulation simulation(options, tapes);
  return simulation.run();
}

// Blocks of memory with holes among them in no order, so that a run that lives in the holes has its
// objects elsewhere than the run before it: whatever depends on an address comes out differently.
class ShuffledHeap {
 public:
  explicit ShuffledHeap(std::uint64_t seed) {
    constexpr std::uint32_t block_count = 20'000;
    constexpr std::uint32_t size_max = 800;
    Tape tape = Tape::from_seed(seed);
    for (std::uint32_t i = 0; i < block_count; ++i) {
      blocks_.push_back(std::make_unique<std::byte[]>(tape.between(16, size_max)));
    }
    for (std::uint32_t i = 0; i < block_count / 2; ++i) blocks_[tape.below(block_count)].reset();
  }

 private:
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
};

class Batch {
 public:
  Batch(Mode mode, std::uint64_t first, std::uint64_t count)
      : mode_(mode), first_(first), count_(count), next_(first) {}

  BatchResult run(unsigned jobs) {
    began_ = told_ = RealClock::now();
    std::vector<std::jthread> threads;
    for (unsigned i = 1; i < jobs; ++i) threads.emplace_back([this] { work(); });
    work();
    threads.clear();
    result_.totals.seconds = seconds_since(began_);
    return result_;
  }

 private:
  void work() {
    for (;;) {
      const std::uint64_t seed = next_++;
      if (seed - first_ >= count_ || stop_) return;
      Outcome outcome = run_seed(mode_, seed);
      if (!outcome.finding && seed % twice_every == 0 && Verdict::heeds(oracle::determinism)) {
        const ShuffledHeap elsewhere(seed);
        const Outcome again = run_seed(mode_, seed);
        outcome.step_count += again.step_count;  // they took their time as well
        if (again.trace_hash != outcome.trace_hash) {
          outcome.finding = {std::string(oracle::determinism), "two runs of one seed differ"};
        }
      }
      count(seed, outcome);
    }
  }

  void count(std::uint64_t seed, const Outcome& outcome) {
    const std::scoped_lock lock(mutex_);
    Totals& totals = result_.totals;
    ++totals.seeds;
    totals.useful += useful(outcome);
    totals.steps += outcome.step_count;
    result_.trace += outcome.trace_hash;
    totals.asked += outcome.asked_count;
    totals.answered += outcome.answered_count;
    totals.probes += outcome.probes;
    if (outcome.finding && (!result_.failed_seed || seed < *result_.failed_seed)) {
      result_.failed_seed = seed;
      result_.failure = outcome;
      stop_ = true;
    }
    if (seconds_since(told_) < progress_seconds) return;
    told_ = RealClock::now();
    totals.seconds = seconds_since(began_);
    std::fprintf(stderr, "… %s from %" PRIu64 ": ", std::string(name_of(mode_)).c_str(), first_);
    tell_totals(stderr, totals, result_.failed_seed ? 1 : 0);
  }

  bool useful(const Outcome& outcome) const {
    return outcome.all_steps && outcome.asked_count > 0 &&
           outcome.answered_count * 100 >= outcome.asked_count * answered_percent_min(mode_);
  }

  Mode mode_;
  std::uint64_t first_;
  std::uint64_t count_;
  std::atomic<std::uint64_t> next_;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  RealClock::time_point began_;
  RealClock::time_point told_;
  BatchResult result_;
};

}  // namespace

void name_run(Mode mode, std::uint64_t seed) {
  running = {mode, seed, true};
  set_last_words(assertion_failed);
}

Totals& Totals::operator+=(const Totals& other) {
  seeds += other.seeds;
  useful += other.useful;
  steps += other.steps;
  asked += other.asked;
  answered += other.answered;
  seconds += other.seconds;
  probes += other.probes;
  return *this;
}

void tell_totals(std::FILE* to, const Totals& totals, std::uint64_t failure_count) {
  const auto ratio = [](std::uint64_t part, double whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / whole;
  };
  const double answered =
      totals.asked == 0 ? 100 : 100 * ratio(totals.answered, static_cast<double>(totals.asked));
  std::fprintf(to,
               "%" PRIu64 " seeds (%" PRIu64 " useful), %" PRIu64 " steps, %" PRIu64
               " failures, %.1f %% answered, %.1f seeds/s, %.0f steps/s\n",
               totals.seeds, totals.useful, totals.steps, failure_count, answered,
               ratio(totals.seeds, totals.seconds), ratio(totals.steps, totals.seconds));
}

BatchResult run_batch(Mode mode, std::uint64_t first, std::uint64_t count, unsigned jobs) {
  name_run(mode, first);
  return Batch(mode, first, count).run(jobs);
}

std::string why_useless(Mode mode, const Totals& totals) {
  const std::uint64_t percent = answered_percent_min(mode);
  if (totals.seeds >= useful_seeds_min && totals.answered * 100 < totals.asked * percent) {
    return "less than " + std::to_string(percent) + " % of all requests were answered";
  }
  if (mode != Mode::safety || totals.seeds < probed_seeds_min) return "";
  const std::string_view never_hit = totals.probes.never_hit();
  return never_hit.empty() ? "" : "it never happened that " + std::string(never_hit);
}

void tell_failure(Mode mode, std::uint64_t seed, const Outcome& outcome) {
  Tapes tapes = Tapes::from_seed(seed);
  std::printf("seed: %" PRIu64 "\n", seed);
  std::fputs(what_failed(outcome, draw_options(mode, tapes.options)).c_str(), stdout);
  run_for_last_steps(mode, seed);
  tell_last_steps();
  tell_command(mode, seed);
}

std::string what_failed(const Outcome& outcome, const RunOptions& options) {
  char place[64];
  std::snprintf(place, sizeof place, "at step %" PRIu64 ", simulated %.6f s", outcome.step_count,
                static_cast<double>(outcome.simulated.count()) / 1e9);
  return "oracle: " + outcome.finding->oracle + "\n  " + outcome.finding->what + "\n" + place +
         ", with\n" + describe(options);
}

}  // namespace pgweir::sim
