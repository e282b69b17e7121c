// The hash of a run: all that happened and all that came of it, in order. The same on every
// computer of little-endian byte order; fast, because every byte of a run goes through it.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "core/base/bytes.h"

namespace pgweir::sim {

static_assert(std::endian::native == std::endian::little);

class TraceHash {
 public:
  void add(std::uint64_t word) {
    value_ = (value_ ^ word) * 0x9e3779b97f4a7c15ull;
    value_ ^= value_ >> 29;
  }
  // Its length too.
  void add(Bytes bytes) {
    add(bytes.size());
    for (; bytes.size() >= 8; bytes = bytes.subspan(8)) add(word_of(bytes.first(8)));
    if (!bytes.empty()) add(word_of(bytes));
  }

  std::uint64_t value() const { return value_; }

 private:
  static std::uint64_t word_of(Bytes bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), bytes.size());
    return word;
  }

  std::uint64_t value_ = 0x243f6a8885a308d3ull;
};

}  // namespace pgweir::sim
