// What an identifier names, as PostgreSQL makes it of one. PostgreSQL: "Lexical Structure",
// Identifiers and Key Words.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/sql/tokens.h"

namespace pgweir::sql {

// PostgreSQL's NAMEDATALEN is 64, a NUL among it: what is longer is cut, between two characters of
// UTF-8.
inline constexpr std::size_t name_size_max = 63;

// Without quotes in lower case, in quotes as it stands, with the escapes of U&"..." as UTF-8.
// Letters that are not ASCII stay: PostgreSQL folds them in single-byte encodings alone. An escape
// that PostgreSQL refuses is left as it is. Requires: a word or a quoted name.
std::string name_of(const Token& token, char unicode_escape = '\\');

std::string in_lower_case(std::string_view text);

}  // namespace pgweir::sql
