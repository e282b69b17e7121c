// Messages read where they lie: for those who look at every byte of a run and copy none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sim/messages.h"

namespace pgweir::sim {

inline constexpr std::size_t header_size = 5;

// Requires: four bytes are there.
inline std::int32_t integer_at(std::string_view bytes, std::size_t place) {
  const char* const at = bytes.substr(place, 4).data();
  const auto byte = [at](std::size_t i) -> std::uint32_t {
    return static_cast<unsigned char>(at[i]);
  };
  return static_cast<std::int32_t>(byte(0) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3));
}

// With its type and length; 0: not enough of it is there, nothing: it cannot be.
inline std::optional<std::size_t> whole_size(std::string_view bytes) {
  constexpr std::int32_t length_max = 0x3fffffff + 4;
  if (bytes.size() < header_size) return 0;
  const std::int32_t length = integer_at(bytes, 1);
  if (length < 4 || length > length_max) return std::nullopt;
  return 1 + static_cast<std::size_t>(length);
}

inline std::string_view body_of(std::string_view message) { return message.substr(header_size); }

// Of an ErrorResponse, as much of which as is there.
inline std::string_view field(std::string_view message, char wanted) {
  Body body(body_of(message));
  while (const auto type = body.byte()) {
    const std::string_view value = body.text().value_or("");
    if (*type == wanted) return value;
  }
  return "";
}

inline bool is_fatal(std::string_view message) {
  return message[0] == 'E' && field(message, 'S') == "FATAL";
}

// What stands before the statement's name in a Parse, Bind or Describe, without the header; the
// name; and what stands behind it. No name: it is not such a message, or not enough of it is there.
struct Parted {
  std::string_view before;
  std::string_view name;
  std::string_view after;
};
inline Parted parted(std::string_view message) {
  if (whole_size(message).value_or(0) == 0) return {};
  const std::string_view body = body_of(message);
  std::size_t at = 0;
  if (message[0] == 'B') at = body.find('\0') + 1;
  if (message[0] == 'D' || message[0] == 'C') at = body.starts_with('S') ? 1 : 0;
  if (at == 0 && message[0] != 'P') return {};
  const std::size_t end = body.find('\0', at);
  if (end == std::string_view::npos) return {};
  return {body.substr(0, at), body.substr(at, end - at), body.substr(end + 1)};
}

// Too long to be all in sight: none.
inline std::string_view name_in(std::string_view message) { return parted(message).name; }

}  // namespace pgweir::sim
