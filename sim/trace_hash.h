// The hash of a run: all that happened and all that came of it, in order. The same on every
// computer of little-endian byte order; fast, because every byte of a run goes through it.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "core/codec.h"

namespace pgweir::sim {

static_assert(std::endian::native == std::endian::little);

class TraceHash final : public ByteSink {
 public:
  void add(std::uint64_t word) { value_ = mixed(value_, word, 0); }
  // Its length too. What is long goes through two values side by side: a processor begins the
  // next product before it has the last.
  void add(Bytes bytes) override {
    add(bytes.size());
    const std::byte* at = bytes.data();
    std::size_t left = bytes.size();
    std::uint64_t other = 0;
    for (; left >= 32; left -= 32, at += 32) {
      value_ = mixed(value_, word_at(at), word_at(at + 8));
      other = mixed(other, word_at(at + 16), word_at(at + 24));
    }
    add(other);
    for (; left >= 8; left -= 8, at += 8) add(word_at(at));
    if (left > 0) add(word_at(at, left));
  }

  std::uint64_t value() const { return value_; }

 private:
  __extension__ using Product = unsigned __int128;

  static std::uint64_t mixed(std::uint64_t value, std::uint64_t first, std::uint64_t second) {
    const Product product = Product{first ^ 0x9e3779b97f4a7c15ull} * (second ^ value);
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  static std::uint64_t word_at(const std::byte* at, std::size_t size = 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, size);
    return word;
  }

  std::uint64_t value_ = 0x243f6a8885a308d3ull;
};

}  // namespace pgweir::sim
