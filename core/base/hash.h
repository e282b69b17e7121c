// A 64-bit hash for fingerprints and traces: the same on every computer, never for secrets.
#pragma once

#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "core/base/bytes.h"
#include "core/base/handle.h"
#include "core/base/time.h"

namespace pgweir {

// FNV-1a over what it is given, length first where there is one.
class Hash {
 public:
  template <class T>
    requires(std::integral<T> || std::is_enum_v<T>)
  void add(T value) {
    auto bits = static_cast<std::uint64_t>(value);
    for (unsigned i = 0; i < sizeof(T); ++i, bits >>= 8) mix(static_cast<std::uint8_t>(bits));
  }
  void add(Bytes bytes) {
    add(bytes.size());
    for (std::byte byte : bytes) mix(std::to_integer<std::uint8_t>(byte));
  }
  void add(std::string_view text) { add(bytes_of(text)); }
  void add(Duration duration) { add(duration.count()); }
  void add(Instant instant) { add(instant.time_since_epoch().count()); }
  template <class Tag>
  void add(Handle<Tag> handle) {
    add(handle.slot);
    add(handle.generation);
  }

  std::uint64_t value() const { return value_; }

 private:
  void mix(std::uint8_t byte) { value_ = (value_ ^ byte) * 0x100000001b3ull; }

  std::uint64_t value_ = 0xcbf29ce484222325ull;
};

}  // namespace pgweir
