// Reads the parts of one message's body, in order. Nothing is read past its end: a part that is not
// there makes the reader fail, and it stays failed; callers look once, at the end.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "core/base/bytes.h"

namespace pgweir::wire {

class Reader {
 public:
  explicit Reader(Bytes body) : rest_(body) {}

  std::uint8_t u8() {
    return enough(1) ? std::to_integer<std::uint8_t>(take(1)[0]) : std::uint8_t{0};
  }
  std::uint16_t u16() { return enough(2) ? load_u16(take(2)) : std::uint16_t{0}; }
  std::uint32_t u32() { return enough(4) ? load_u32(take(4)) : 0; }
  Bytes bytes(std::size_t size) { return enough(size) ? take(size) : Bytes{}; }

  // A string and its terminating NUL.
  std::string_view text() {
    const auto end = std::find(rest_.begin(), rest_.end(), std::byte{0});
    if (end == rest_.end()) {
      failed_ = true;
      return {};
    }
    const std::string_view found = text_of(take(static_cast<std::size_t>(end - rest_.begin())));
    take(1);
    return found;
  }

  Bytes rest() const { return rest_; }
  bool failed() const { return failed_; }
  // Everything was there, and nothing is left.
  bool finished() const { return !failed_ && rest_.empty(); }

 private:
  bool enough(std::size_t size) {
    if (size > rest_.size()) failed_ = true;
    return !failed_;
  }
  Bytes take(std::size_t size) {
    const Bytes taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }

  Bytes rest_;
  bool failed_ = false;
};

}  // namespace pgweir::wire
