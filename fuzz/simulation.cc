// libFuzzer draws the choices of a simulated run: an input is one more way to write down its tapes.
//
// Three bytes a choice: the tape that it is of, and its value, which the tape takes modulo the
// bound. So an inserted or lost choice moves those of its own tape alone, and an input that ends
// early goes on calmly. Runs are smoke's, which are short. What fails leaves a file for
// `pgweir-sim --choices` beside libFuzzer's own.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>

#include "sim/assertions.h"
#include "sim/batch.h"
#include "sim/choices_file.h"

namespace pgweir::sim {
namespace {

constexpr Mode mode = Mode::smoke;
constexpr std::size_t bytes_per_choice = 3;
constexpr const char* choices_path = "fuzzed-choices";

Choices running;

Choices choices_in(std::span<const std::uint8_t> input) {
  Choices choices;
  for (; input.size() >= bytes_per_choice; input = input.subspan(bytes_per_choice)) {
    const std::uint32_t value = input[1] | static_cast<std::uint32_t>(input[2]) << 8;
    choices[input[0] % choices.size()].push_back(value);
  }
  return choices;
}

void leave_choices() {
  if (!write_choices(choices_path, mode, running))
    std::printf("could not write %s\n", choices_path);
  std::printf("story: pgweir-sim --choices %s\n", choices_path);
  std::fflush(stdout);
}

void assertion_failed(const char*, const char*, int) { leave_choices(); }

void run(std::span<const std::uint8_t> input) {
  running = choices_in(input);
  set_last_words(assertion_failed);
  Tapes tapes = Tapes::replay(running);
  const RunOptions options = draw_options(mode, tapes.options);
  Simulation simulation(options, tapes);
  const Outcome outcome = simulation.run();
  if (!outcome.finding) return;
  std::fputs(what_failed(outcome, options).c_str(), stdout);
  leave_choices();
  std::abort();
}

}  // namespace
}  // namespace pgweir::sim

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pgweir::sim::run({data, size});
  return 0;
}
