// The only source of choices: every choice the simulator makes is one bounded integer drawn here.
// So a seed, a recording, a shrunk failure and a fuzzer's input are the same program. Zero is the
// calm choice everywhere (no fault, the whole message, the shortest way): a tape that runs out is
// calm.
//
// At most one draw in one expression: compilers differ in the order of arguments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/assert.h"

namespace pgweir::sim {

class Tape {
 public:
  // Draws without end from a seed, and keeps a record.
  static Tape from_seed(std::uint64_t seed);
  // Draws what is there, then zeros. A choice above its bound is taken modulo the bound.
  static Tape replay(std::vector<std::uint32_t> choices);

  // 0 to bound - 1; bound is at least 1.
  std::uint32_t below(std::uint32_t bound) {
    PGWEIR_REQUIRE(bound > 0);
    if (replaying_) return next_ < choices_.size() ? choices_[next_++] % bound : 0;
    const auto choice = static_cast<std::uint32_t>((next_word() >> 32) * bound >> 32);
    record(choice);
    return choice;
  }
  // low to high, both included.
  std::uint32_t between(std::uint32_t low, std::uint32_t high) {
    return low + below(high - low + 1);
  }
  // True for numerator of denominator draws; the calm answer is false.
  bool chance(std::uint32_t numerator, std::uint32_t denominator) {
    return below(denominator) >= denominator - numerator;
  }
  template <class T>
  const T& one_of(std::span<const T> choices) {
    return choices[below(static_cast<std::uint32_t>(choices.size()))];
  }

  // All that was drawn so far.
  const std::vector<std::uint32_t>& choices() const { return choices_; }

 private:
  // SplitMix64.
  std::uint64_t next_word() {
    state_ += 0x9e3779b97f4a7c15ull;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ull;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebull;
    return mixed ^ (mixed >> 31);
  }

  void record(std::uint32_t choice);

  bool replaying_ = false;
  std::uint64_t state_ = 0;
  std::size_t next_ = 0;
  std::vector<std::uint32_t> choices_;
};

}  // namespace pgweir::sim
