// pgweir-sim: runs the machine in a simulated world and judges what it does.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/assertions.h"
#include "sim/batch.h"
#include "sim/campaign.h"
#include "sim/choices_file.h"
#include "sim/exhaustive.h"
#include "sim/simulation.h"
#include "sim/story.h"
#include "sim/timeline.h"
#include "sim/trial.h"

namespace pgweir::sim {
namespace {

constexpr int usage_error = 2;
constexpr std::uint64_t bench_seeds = 100;
constexpr int shrink_seconds = 60;

struct Arguments {
  std::string mode = "safety";
  std::string seed = "1";
  std::uint64_t seeds = 0;
  unsigned jobs = 1;
  bool story = false;
  std::string html;  // a file
  bool shrink = false;
  bool bench = false;
  bool probes = false;
  std::string campaign;  // a file
  std::string record;    // a file
  std::string choices;   // a file
  std::vector<std::string> oracles;
};

// What the page of --html will show, also when an assertion ends the run.
struct Page {
  std::string path;
  std::string title;
  std::string story;
};
Page page;

bool write_page(const std::string& ending) {
  std::ofstream file(page.path);
  file << timeline_page(page.title, page.story, ending);
  return file.good();
}

void write_last_words(const char* condition, const char* file, int line) {
  const std::string ending = "oracle: " + std::string(oracle::core_invariants) + "\n  " +
                             condition + "\n  at " + file + ":" + std::to_string(line) + "\n";
  write_page(ending);
  std::fputs(ending.c_str(), stdout);
  std::fflush(stdout);
  std::_Exit(1);
}

// The run in words or as a page, up to its end or its failure.
int tell_story(Mode mode, Tapes tapes, const std::string& html_path, const std::string& title) {
  const RunOptions options = draw_options(mode, tapes.options);
  Story story;
  page = {html_path, title, ""};
  const auto tell = [&](const std::string& text) {
    if (html_path.empty()) {
      std::fputs(text.c_str(), stdout);
    } else {
      page.story += text;
    }
  };
  if (!html_path.empty()) set_last_words(write_last_words);
  Simulation simulation(
      options, tapes,
      {[&](Instant now, const Event& event, std::span<const Effect> effects) {
         tell(story.tell(now, event, effects));
       },
       [&](Instant now, const std::string& what) { tell(story.tell_fault(now, what)); }});
  const Outcome outcome = simulation.run();
  const std::string ending = outcome.finding ? what_failed(outcome, options) : "";
  std::fputs(ending.c_str(), stdout);
  if (!html_path.empty() && !write_page(ending)) {
    std::fprintf(stderr, "pgweir-sim: could not write %s\n", html_path.c_str());
    return usage_error;
  }
  return outcome.finding ? 1 : 0;
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

// The choices of a run in a file, which --choices runs again, and libFuzzer may begin with.
int record_seed(Mode mode, std::uint64_t seed, const std::string& path) {
  const Trial trial = try_seed(mode, seed);
  if (write_choices(path, mode, trial.choices)) return trial.oracle.empty() ? 0 : 1;
  std::fprintf(stderr, "pgweir-sim: could not write %s\n", path.c_str());
  return usage_error;
}

// Up to the first failure.
int run_seeds(Mode mode, std::uint64_t first, std::uint64_t count, unsigned jobs, bool probes) {
  const BatchResult result = run_batch(mode, first, count, jobs);
  if (result.failed_seed) tell_failure(mode, *result.failed_seed, result.failure);
  const std::string name(name_of(mode));
  Verdict verdict;
  const std::string why = result.failed_seed ? "" : why_useless(mode, result.totals);
  if (!why.empty()) verdict.blame(oracle::useful_run, why);
  if (verdict.failed()) {
    std::printf("oracle: %s\n  %s\n", verdict.finding()->oracle.c_str(), why.c_str());
  }
  std::printf("trace: %016" PRIx64 "\n%s from %" PRIu64 ": ", result.trace, name.c_str(), first);
  tell_totals(stdout, result.totals, result.failed_seed ? 1 : 0);
  if (probes) result.totals.probes.tell(stdout);
  return result.failed_seed || verdict.failed() ? 1 : 0;
}

// How fast it is: the same seeds every time, one at a time. By the processor's time, so that it
// says the same where others are at work.
int run_bench() {
  for (const Mode mode : {Mode::calm, Mode::safety}) {
    const std::clock_t began = std::clock();
    BatchResult result = run_batch(mode, 1, bench_seeds, 1);
    result.totals.seconds = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
    if (result.failed_seed) {
      tell_failure(mode, *result.failed_seed, result.failure);
      return 1;
    }
    std::printf("%s: ", std::string(name_of(mode)).c_str());
    tell_totals(stdout, result.totals, 0);
  }
  return 0;
}

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
  const std::optional<Finding>& failure = sum.verdict.finding();
  if (failure) std::printf("oracle: %s\n  %s\n", failure->oracle.c_str(), failure->what.c_str());
  std::printf("exhaustive: %" PRIu64 " runs, %" PRIu64 " steps, %d failures\n", sum.run_count,
              sum.step_count, failure ? 1 : 0);
  return failure ? 1 : 0;
}

int run(const Arguments& arguments) {
  Verdict::heed_only(arguments.oracles);
  if (arguments.bench) return run_bench();
  if (arguments.mode == "exhaustive") return run_exhaustive();
  if (!arguments.choices.empty()) {
    const auto choices = read_choices(arguments.choices);
    if (choices) {
      name_run(choices->first, 0);
      return tell_story(choices->first, Tapes::replay(choices->second), arguments.html,
                        arguments.choices);
    }
    std::fprintf(stderr, "pgweir-sim: %s is no file of --shrink or --record\n",
                 arguments.choices.c_str());
    return usage_error;
  }
  const auto mode = mode_named(arguments.mode);
  const auto seed = read_seed(arguments.seed);
  if (!mode || !seed) {
    std::fprintf(stderr, "pgweir-sim: %s %s\n", mode ? "no number or commit hash:" : "no mode",
                 (mode ? arguments.seed : arguments.mode).c_str());
    return usage_error;
  }
  name_run(*mode, *seed);
  if (!arguments.campaign.empty()) {
    return run_campaign(arguments.campaign, *seed, arguments.seeds, arguments.jobs);
  }
  if (arguments.shrink) return shrink_seed(*mode, *seed);
  if (!arguments.record.empty()) return record_seed(*mode, *seed, arguments.record);
  if (arguments.story || !arguments.html.empty()) {
    return tell_story(*mode, Tapes::from_seed(*seed), arguments.html,
                      arguments.mode + " seed " + std::to_string(*seed));
  }
  return run_seeds(*mode, *seed, std::max<std::uint64_t>(arguments.seeds, 1), arguments.jobs,
                   arguments.probes);
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
  CLI::Option* seeds =
      app.add_option("--seeds", arguments.seeds, "a batch of so many, from --seed on");
  app.add_option("-j,--jobs", arguments.jobs, "so many at once (default 1)")
      ->check(CLI::PositiveNumber);
  app.add_flag("--story", arguments.story, "of one seed: every step, in words");
  app.add_option("--html", arguments.html, "of one seed: every step, as a page for a browser");
  app.add_flag("--shrink", arguments.shrink, "of one seed that fails: a short run that fails too");
  app.add_option("--record", arguments.record, "of one seed: its choices, into this file");
  app.add_option("--choices", arguments.choices,
                 "the story of a run that --shrink or --record has written");
  app.add_option("--oracles", arguments.oracles, "only what these find counts: O-01,O-07")
      ->delimiter(',');
  app.add_flag("--probes", arguments.probes, "of a batch: how often what has to happen did");
  app.add_flag("--bench", arguments.bench, "how many steps a second, in calm and safety");
  app.add_option("--campaign", arguments.campaign,
                 "seeds of all modes until this file, which keeps count, has --seeds of them")
      ->needs(seeds);
  CLI11_PARSE(app, argc, argv);
  return pgweir::sim::run(arguments);
}
