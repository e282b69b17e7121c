// A run with a bit of everything, drawn from a seed: logins right and wrong, both protocols,
// transactions, COPY, errors, cancels, the console, reloads, lost clients and servers, time-outs,
// pipes too narrow and bytes cut anywhere. It is there to be run twice and compared: the same seed
// is the same run on every computer, compiler and build type.
#pragma once

#include <cstdint>
#include <string>

namespace pgweir::sim {

struct MixedRun {
  std::uint64_t trace_hash;
  std::uint64_t step_count;
  std::string complaints;  // of everybody; empty when nothing went wrong
};

MixedRun mixed_run(std::uint64_t seed);

}  // namespace pgweir::sim
