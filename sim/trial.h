// A run in a process of its own, for those who try many: a failed assertion, a crash or a run
// without end costs only that run.
#pragma once

#include <string>

#include "sim/options.h"
#include "sim/shrink.h"

namespace pgweir::sim {

struct Trial {
  std::string oracle;  // that failed; empty: none. "crash" when the process ended by itself
  Choices choices;     // that were drawn
};

Trial try_seed(Mode mode, std::uint64_t seed);
Trial try_choices(Mode mode, const Choices& choices);

}  // namespace pgweir::sim
