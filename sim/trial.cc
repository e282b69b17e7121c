#include "sim/trial.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "sim/assertions.h"
#include "sim/simulation.h"

namespace pgweir::sim {

namespace {

// Longer than any run takes; a shrunk one may go round in circles.
constexpr unsigned run_seconds_max = 20;

// The run of this process, for the last words of a failed assertion.
std::FILE* report_file = nullptr;
Tapes* running_tapes = nullptr;

void put(const void* data, std::size_t size) {
  if (size > 0 && std::fwrite(data, 1, size, report_file) != size) std::_Exit(1);
}

bool get(void* data, std::size_t size) {
  return size == 0 || std::fread(data, 1, size, report_file) == size;
}

void report(std::string_view oracle) {
  const std::size_t oracle_size = oracle.size();
  put(&oracle_size, sizeof oracle_size);
  put(oracle.data(), oracle_size);
  for (const Tape* tape : {&running_tapes->options, &running_tapes->workload,
                           &running_tapes->network, &running_tapes->faults}) {
    const std::size_t count = tape->choices().size();
    put(&count, sizeof count);
    put(tape->choices().data(), count * sizeof(std::uint32_t));
  }
  std::fflush(report_file);
}

void report_assertion(const char*, const char*, int) {
  report(oracle::core_invariants);
  std::_Exit(1);
}

Trial read_report() {
  Trial trial{"crash", {}};
  std::rewind(report_file);
  std::size_t size = 0;
  if (!get(&size, sizeof size)) return trial;
  trial.oracle.resize(size);
  bool whole = get(trial.oracle.data(), size);
  for (std::vector<std::uint32_t>& choices : trial.choices) {
    whole = whole && get(&size, sizeof size);
    choices.resize(whole ? size : 0);
    whole = whole && get(choices.data(), size * sizeof(std::uint32_t));
  }
  return whole ? trial : Trial{"crash", {}};
}

Trial try_out(Mode mode, Tapes tapes) {
  report_file = std::tmpfile();
  if (report_file == nullptr) return {"no temporary file", {}};
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    alarm(run_seconds_max);
    running_tapes = &tapes;
    set_last_words(report_assertion);
    if (std::freopen("/dev/null", "w", stderr) == nullptr) std::_Exit(1);
    const RunOptions options = draw_options(mode, tapes.options);
    Simulation simulation(options, tapes);
    const Outcome outcome = simulation.run();
    report(outcome.finding ? outcome.finding->oracle : "");
    std::_Exit(0);
  }
  waitpid(child, nullptr, 0);
  Trial trial = read_report();
  std::fclose(report_file);
  return trial;
}

}  // namespace

Trial try_seed(Mode mode, std::uint64_t seed) { return try_out(mode, Tapes::from_seed(seed)); }

Trial try_choices(Mode mode, const Choices& choices) {
  return try_out(mode, Tapes::replay(choices));
}

}  // namespace pgweir::sim
