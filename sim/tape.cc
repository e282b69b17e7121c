#include "sim/tape.h"

#include <utility>

#include "core/base/assert.h"

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

std::uint32_t Tape::below(std::uint32_t bound) {
  PGWEIR_REQUIRE(bound > 0);
  if (replaying_) {
    if (next_ == choices_.size()) return 0;
    return choices_[next_++] % bound;
  }
  // SplitMix64.
  state_ += 0x9e3779b97f4a7c15ull;
  std::uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ull;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebull;
  const auto choice = static_cast<std::uint32_t>(((mixed ^ (mixed >> 31)) >> 32) * bound >> 32);
  choices_.push_back(choice);
  return choice;
}

}  // namespace pgweir::sim
