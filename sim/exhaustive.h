// Every order of a few events: two clients and one server, a feature at a time. No seed: nothing is
// drawn. What a person would try by hand, without forgetting one.
#pragma once

#include <cstdint>
#include "sim/verdict.h"

namespace pgweir::sim {

struct Exhausted {
  std::uint64_t run_count = 0;
  std::uint64_t step_count = 0;
  Verdict verdict;  // a finding tells the feature, the order, the cut, and what went wrong
};

// Every order of every feature's events, whole; then the events in their first order with one cut,
// at every place of everything that is said, which must make no difference (O-14).
Exhausted exhaust();

}  // namespace pgweir::sim
