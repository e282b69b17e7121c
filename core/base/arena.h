// Scratch memory of one step: what a step makes up (fabricated messages, copies of held bytes)
// lives here until the next step begins, and no longer. Addresses are stable while it grows.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"

namespace pgweir {

class Arena {
 public:
  // Frees everything handed out so far; keeps the first chunk, so a steady state allocates nothing.
  void reset() {
    if (chunks_.size() > 1) chunks_.resize(1);
    used_ = 0;
  }

  std::span<std::byte> take(std::size_t size) {
    if (chunks_.empty() || chunks_.back().size - used_ < size) add_chunk(size);
    std::span<std::byte> taken(chunks_.back().memory.get() + used_, size);
    used_ += size;
    return taken;
  }

  Bytes copy(Bytes bytes) {
    std::span<std::byte> taken = take(bytes.size());
    if (!bytes.empty()) std::memcpy(taken.data(), bytes.data(), bytes.size());
    return taken;
  }
  std::string_view copy(std::string_view text) { return text_of(copy(bytes_of(text))); }

 private:
  static constexpr std::size_t chunk_size = 64 * 1024;
  struct Chunk {
    std::unique_ptr<std::byte[]> memory;
    std::size_t size;
  };

  void add_chunk(std::size_t size) {
    const std::size_t chunk = size > chunk_size ? size : chunk_size;
    chunks_.push_back({std::make_unique_for_overwrite<std::byte[]>(chunk), chunk});
    used_ = 0;
  }

  std::vector<Chunk> chunks_;
  std::size_t used_ = 0;  // of the last chunk
};

}  // namespace pgweir
