#include "core/sql/tokens.h"

#include <algorithm>
#include <cstddef>

#include "core/sql/letters.h"

namespace pgweir::sql {
namespace {

constexpr std::size_t npos = std::string_view::npos;

// The byte at this place; NUL behind the end.
char at(std::string_view text, std::size_t place) {
  return place < text.size() ? text[place] : '\0';
}

// Where the run of such characters ends that begins at this place.
template <class Belongs>
std::size_t run_end(std::string_view text, std::size_t place, Belongs belongs) {
  while (place < text.size() && belongs(text[place])) ++place;
  return place;
}

std::size_t line_end(std::string_view text, std::size_t place) {
  return std::min(text.find_first_of("\n\r", place), text.size());
}

// The text begins with "/*". Comments nest.
std::size_t comment_end(std::string_view text) {
  std::size_t depth = 0;
  for (std::size_t place = 0; place < text.size();) {
    const std::string_view two = text.substr(place, 2);
    if (two == "/*") {
      ++depth;
      place += 2;
    } else if (two == "*/") {
      place += 2;
      if (--depth == 0) return place;
    } else {
      ++place;
    }
  }
  return text.size();
}

struct Quoting {
  char quote;
  bool doubled;      // two of them stand for one
  bool backslashes;  // escape what follows them
};

// Behind the quote that closes what the quote at this place opens.
std::size_t closed(std::string_view text, std::size_t place, const Quoting& quoting) {
  for (++place; place < text.size(); ++place) {
    if (quoting.backslashes && text[place] == '\\') {
      ++place;
    } else if (text[place] == quoting.quote) {
      if (!quoting.doubled || at(text, place + 1) != quoting.quote) return place + 1;
      ++place;
    }
  }
  return text.size();
}

// The quote that continues a string which ends at this place: behind blanks with an end of a line
// among them, and perhaps comments of the kind that lines end. npos: none does.
std::size_t continued(std::string_view text, std::size_t place) {
  bool lines = false;
  while (place < text.size()) {
    if (is_space(text[place])) {
      lines |= text[place] == '\n' || text[place] == '\r';
      ++place;
    } else if (text.substr(place, 2) == "--") {
      place = line_end(text, place);
    } else {
      return lines && text[place] == '\'' ? place : npos;
    }
  }
  return npos;
}

std::size_t string_end(std::string_view text, std::size_t quote, const Quoting& quoting) {
  while (true) {
    const std::size_t end = closed(text, quote, quoting);
    quote = continued(text, end);
    if (quote == npos) return end;
  }
}

// The text begins with a dollar. 0: no string does, with it.
std::size_t dollar_string_end(std::string_view text) {
  std::size_t end = 1;
  if (begins_word(at(text, 1))) {
    end = run_end(text, 1, [](char c) { return c != '$' && goes_on_in_word(c); });
  }
  if (at(text, end) != '$') return 0;
  const std::string_view delimiter = text.substr(0, end + 1);
  const std::size_t found = text.find(delimiter, delimiter.size());
  return found == npos ? text.size() : found + delimiter.size();
}

std::size_t digits_end(std::string_view text, std::size_t place) {
  place = run_end(text, place, is_digit);
  while (at(text, place) == '_' && is_digit(at(text, place + 1))) {
    place = run_end(text, place + 1, is_digit);
  }
  return place;
}

// The text begins with a digit, or with a dot and a digit.
std::size_t number_end(std::string_view text) {
  if (text.front() == '0' && hex_value(at(text, 2)) >= 0) {
    const char base = lower(at(text, 1));
    if (base == 'x' || base == 'o' || base == 'b') {
      return run_end(text, 2, [](char c) { return hex_value(c) >= 0 || c == '_'; });
    }
  }
  std::size_t end = digits_end(text, 0);
  if (at(text, end) == '.') end = digits_end(text, end + 1);
  if (lower(at(text, end)) == 'e') {
    const char sign = at(text, end + 1);
    const std::size_t exponent = end + (sign == '+' || sign == '-' ? 2 : 1);
    if (is_digit(at(text, exponent))) end = digits_end(text, exponent);
  }
  return end;
}

struct Found {
  TokenKind kind;
  std::size_t size;
};

// The text begins with a letter: that of a string or a name in quotes, or a word's.
Found letter(std::string_view text, bool backslash_escapes) {
  const char second = at(text, 1);
  if (second == '\'') {
    switch (lower(text.front())) {
      case 'b':
      case 'x': return {TokenKind::string, string_end(text, 1, {'\'', false, false})};
      case 'e': return {TokenKind::string, string_end(text, 1, {'\'', true, true})};
      case 'n': return {TokenKind::string, string_end(text, 1, {'\'', true, backslash_escapes})};
      default: break;
    }
  }
  if (lower(text.front()) == 'u' && second == '&') {
    if (at(text, 2) == '\'') return {TokenKind::string, string_end(text, 2, {'\'', true, false})};
    if (at(text, 2) == '"') return {TokenKind::quoted_name, closed(text, 2, {'"', true, false})};
  }
  return {TokenKind::word, run_end(text, 0, goes_on_in_word)};
}

Found first(std::string_view text, bool backslash_escapes) {
  const char c = text.front();
  const char second = at(text, 1);
  if (is_space(c)) return {TokenKind::blank, run_end(text, 0, is_space)};
  if (begins_word(c)) return letter(text, backslash_escapes);
  if (is_digit(c) || (c == '.' && is_digit(second))) return {TokenKind::number, number_end(text)};
  if (c == '\'') return {TokenKind::string, string_end(text, 0, {'\'', true, backslash_escapes})};
  if (c == '"') return {TokenKind::quoted_name, closed(text, 0, {'"', true, false})};
  if (c == '-' && second == '-') return {TokenKind::comment, line_end(text, 0)};
  if (c == '/' && second == '*') return {TokenKind::comment, comment_end(text)};
  if (c == '$') {
    if (is_digit(second)) return {TokenKind::parameter, run_end(text, 1, is_digit)};
    if (const std::size_t end = dollar_string_end(text); end != 0) return {TokenKind::string, end};
  }
  return {TokenKind::symbol, 1};
}

}  // namespace

Token Tokens::next() {
  if (rest_.empty()) return {TokenKind::end, rest_};
  const Found found = first(rest_, backslash_escapes_);
  const Token token{found.kind, rest_.substr(0, found.size)};
  rest_.remove_prefix(token.text.size());
  return token;
}

bool is_word(const Token& token, std::string_view keyword) {
  return token.kind == TokenKind::word && std::ranges::equal(token.text, keyword, {}, lower);
}

}  // namespace pgweir::sql
