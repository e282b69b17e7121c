#include "core/sql/cursor.h"

namespace pgweir::sql {

std::optional<std::string> Cursor::take_name() {
  if (!is_name()) return std::nullopt;
  const Token name = token_;
  advance();
  if (name.kind == TokenKind::word || name.text.starts_with('"')) return name_of(name);
  // U&"..." UESCAPE '!'
  Cursor ahead = *this;
  if (ahead.take("uescape") && ahead.token().kind == TokenKind::string &&
      ahead.token().text.size() == 3) {
    const char escape = ahead.token().text[1];
    ahead.advance();
    *this = ahead;
    return name_of(name, escape);
  }
  return name_of(name);
}

void Cursor::skip_parentheses() {
  std::size_t depth = 0;
  do {
    if (is('(')) ++depth;
    if (is(')')) --depth;
    advance();
  } while (depth > 0 && !at_end());
}

}  // namespace pgweir::sql
