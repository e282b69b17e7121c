// Text without a locale: what std::format would do if both compilers had it.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace pgweir {

inline void append(std::string& out, std::string_view text) { out += text; }
template <std::integral T>
void append(std::string& out, T number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

// Lower case, no leading zeros.
template <std::unsigned_integral T>
void append_hex(std::string& out, T number) {
  char digits[2 * sizeof number];
  const auto end = std::to_chars(digits, digits + sizeof digits, number, 16).ptr;
  out.append(digits, end);
}

// The parts in order, numbers in decimal.
template <class... Parts>
std::string join(const Parts&... parts) {
  std::string out;
  (append(out, parts), ...);
  return out;
}

// "15 s", "0.25 s": seconds, with as many decimals as it takes (at most milliseconds).
std::string in_seconds(Duration duration);

bool contains(const std::vector<std::string>& names, std::string_view name);

// Decimal digits only, whole text; nothing on overflow or anything else.
std::optional<std::int64_t> to_integer(std::string_view text);

}  // namespace pgweir
