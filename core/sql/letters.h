// Letters as PostgreSQL's scanner sees them: ASCII, without a locale.
#pragma once

namespace pgweir::sql {

// The scanner's spaces; PostgreSQL 16 added the vertical tab.
constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr bool begins_word(char c) {
  return (lower(c) >= 'a' && lower(c) <= 'z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
constexpr bool goes_on_in_word(char c) { return begins_word(c) || is_digit(c) || c == '$'; }

// The value of a hexadecimal digit; -1: it is none.
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  return lower(c) >= 'a' && lower(c) <= 'f' ? lower(c) - 'a' + 10 : -1;
}

}  // namespace pgweir::sql
