// Views of bytes, and big-endian integers read from and written to them (PostgreSQL: "Message Data
// Types"). A view owns nothing; whoever hands one out says how long it is good for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace pgweir {

using Bytes = std::span<const std::byte>;

inline Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

inline std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Requires: at least as many bytes as the integer has.
constexpr std::uint32_t load_u32(Bytes bytes) {
  return std::to_integer<std::uint32_t>(bytes[0]) << 24 |
         std::to_integer<std::uint32_t>(bytes[1]) << 16 |
         std::to_integer<std::uint32_t>(bytes[2]) << 8 | std::to_integer<std::uint32_t>(bytes[3]);
}
constexpr std::uint16_t load_u16(Bytes bytes) {
  return static_cast<std::uint16_t>(std::to_integer<std::uint32_t>(bytes[0]) << 8 |
                                    std::to_integer<std::uint32_t>(bytes[1]));
}

}  // namespace pgweir
