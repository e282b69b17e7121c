#include "core/sql/split.h"

#include <cstddef>
#include <cstdint>

namespace pgweir::sql {
namespace {

// Sees the tokens of one statement, and where a semicolon does not end it.
class Nesting {
 public:
  // The next token, neither blank nor comment. True: it is the end of the statement.
  bool ends_with(const Token& token) {
    if (is_symbol(token, ';') && depth_ == 0 && !in_body()) return true;
    if (is_symbol(token, '(')) ++depth_;
    if (is_symbol(token, ')') && depth_ > 0) --depth_;
    if (depth_ == 0) follow(token);
    last_ = token;
    return false;
  }

 private:
  enum class Place : std::uint8_t {
    start,
    create,
    create_or,
    create_or_replace,
    routine,
    empty_body,
    body,
    no
  };

  bool in_body() const { return place_ == Place::empty_body || place_ == Place::body; }

  void follow(const Token& token) {
    const auto routine_or_not = [&] {
      return is_word(token, "function") || is_word(token, "procedure") ? Place::routine : Place::no;
    };
    switch (place_) {
      case Place::start: place_ = is_word(token, "create") ? Place::create : Place::no; break;
      case Place::create:
        place_ = is_word(token, "or") ? Place::create_or : routine_or_not();
        break;
      case Place::create_or:
        place_ = is_word(token, "replace") ? Place::create_or_replace : Place::no;
        break;
      case Place::create_or_replace: place_ = routine_or_not(); break;
      case Place::routine:
        if (is_word(last_, "begin") && is_word(token, "atomic")) place_ = Place::empty_body;
        break;
      case Place::empty_body: place_ = is_word(token, "end") ? Place::no : Place::body; break;
      case Place::body:
        // No END of a CASE follows a semicolon.
        if (is_word(token, "end") && is_symbol(last_, ';')) place_ = Place::no;
        break;
      case Place::no: break;
    }
  }

  Place place_ = Place::start;
  std::size_t depth_ = 0;
  Token last_;
};

}  // namespace

std::string_view Split::next() {
  Nesting nesting;
  std::string_view first;
  std::string_view last;
  for (Token token = tokens_.next(); token.kind != TokenKind::end; token = tokens_.next()) {
    if (is_blank(token)) continue;
    if (nesting.ends_with(token)) {
      if (!first.empty()) break;
      continue;
    }
    if (first.empty()) first = token.text;
    last = token.text;
  }
  if (first.empty()) return {};
  const auto begin = static_cast<std::size_t>(first.data() - text_.data());
  const auto end = static_cast<std::size_t>(last.data() - text_.data()) + last.size();
  return text_.substr(begin, end - begin);
}

}  // namespace pgweir::sql
