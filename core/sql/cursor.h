// Reads a statement word by word, as a grammar does: over blanks and comments. A copy looks ahead.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/sql/name.h"
#include "core/sql/tokens.h"

namespace pgweir::sql {

class Cursor {
 public:
  Cursor(std::string_view statement, bool backslash_escapes)
      : statement_(statement), tokens_(statement, backslash_escapes) {
    advance();
  }

  const Token& token() const { return token_; }
  bool at_end() const { return token_.kind == TokenKind::end; }
  void advance() {
    behind_ = offset(token_) + token_.text.size();
    do {
      token_ = tokens_.next();
    } while (is_blank(token_));
  }

  bool is(std::string_view keyword) const { return is_word(token_, keyword); }
  bool is(char symbol) const { return is_symbol(token_, symbol); }
  bool is_name() const {
    return token_.kind == TokenKind::word || token_.kind == TokenKind::quoted_name;
  }
  // Goes past it if it is that.
  template <class What>
  bool take(What what) {
    if (!is(what)) return false;
    advance();
    return true;
  }
  // Past a name and what tells the escapes in it; nothing when there is none.
  std::optional<std::string> take_name();
  // Past a parenthesis and all up to the one that closes it, or the end.
  void skip_parentheses();

  // Where the token stands in the statement, and where the one before it ended.
  std::size_t place() const { return offset(token_); }
  std::size_t behind() const { return behind_; }
  std::string_view text(std::size_t from, std::size_t to) const {
    return statement_.substr(from, to - from);
  }
  // From the token on.
  std::string_view rest() const { return statement_.substr(place()); }

 private:
  std::size_t offset(const Token& token) const {
    return token.text.data() == nullptr
               ? 0
               : static_cast<std::size_t>(token.text.data() - statement_.data());
  }

  std::string_view statement_;
  Tokens tokens_;
  Token token_;
  std::size_t behind_ = 0;
};

}  // namespace pgweir::sql
