#include "sim/tape.h"

#include <utility>

namespace pgweir::sim {

Tape Tape::from_seed(std::uint64_t seed) {
  Tape tape;
  tape.state_ = seed;
  return tape;
}

Tape Tape::replay(std::vector<std::uint32_t> choices) {
  Tape tape;
  tape.replaying_ = true;
  tape.choices_ = std::move(choices);
  return tape;
}

void Tape::record(std::uint32_t choice) { choices_.push_back(choice); }

}  // namespace pgweir::sim
