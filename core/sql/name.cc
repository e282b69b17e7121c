#include "core/sql/name.h"

#include <cstdint>

#include "core/sql/letters.h"

namespace pgweir::sql {
namespace {

void append_utf8(std::string& out, std::uint32_t code) {
  const auto add = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  const auto add_rest = [&](std::uint32_t shift) { add(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xc0 | code >> 6);
    add_rest(0);
  } else if (code < 0x10000) {
    add(0xe0 | code >> 12);
    add_rest(6);
    add_rest(0);
  } else {
    add(0xf0 | code >> 18);
    add_rest(12);
    add_rest(6);
    add_rest(0);
  }
}

struct Escape {
  std::size_t size = 0;  // 0: there is none
  std::uint32_t code = 0;
};

// The escape character and four digits, or a plus and six.
Escape escape_at(std::string_view text, char escape) {
  if (!text.starts_with(escape)) return {};
  const bool is_long = text.size() > 1 && text[1] == '+';
  const std::size_t begin = is_long ? 2 : 1;
  const std::string_view digits = text.substr(begin, is_long ? 6 : 4);
  if (digits.size() != (is_long ? 6 : 4)) return {};
  std::uint32_t code = 0;
  for (const char c : digits) {
    if (hex_value(c) < 0) return {};
    code = code << 4 | static_cast<std::uint32_t>(hex_value(c));
  }
  if (code > 0x10ffff) return {};
  return {begin + digits.size(), code};
}

std::string without_escapes(std::string_view text, char escape) {
  std::string out;
  while (!text.empty()) {
    Escape found = escape_at(text, escape);
    if (found.size != 0 && found.code >= 0xd800 && found.code < 0xdc00) {
      const Escape second = escape_at(text.substr(found.size), escape);
      if (second.size != 0 && second.code >= 0xdc00 && second.code < 0xe000) {
        found.code = 0x10000 + ((found.code & 0x3ff) << 10) + (second.code & 0x3ff);
        found.size += second.size;
      }
    }
    if (found.size != 0) {
      append_utf8(out, found.code);
      text.remove_prefix(found.size);
      continue;
    }
    // The escape character twice is itself.
    if (text.size() > 1 && text[0] == escape && text[1] == escape) text.remove_prefix(1);
    out += text.front();
    text.remove_prefix(1);
  }
  return out;
}

// What is between the quotes, of which two stand for one. The last may be missing.
std::string without_quotes(std::string_view text) {
  std::string out;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"' && ++i == text.size()) break;
    out += text[i];
  }
  return out;
}

void cut(std::string& name) {
  if (name.size() <= name_size_max) return;
  std::size_t size = name_size_max;
  while (size > 0 && (static_cast<unsigned char>(name[size]) & 0xc0) == 0x80) --size;
  name.resize(size);
}

}  // namespace

std::string in_lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

std::string name_of(const Token& token, char unicode_escape) {
  std::string name;
  if (token.kind == TokenKind::word) {
    name = in_lower_case(token.text);
  } else if (token.text.starts_with('"')) {
    name = without_quotes(token.text);
  } else {
    name = without_escapes(without_quotes(token.text.substr(2)), unicode_escape);
  }
  cut(name);
  return name;
}

}  // namespace pgweir::sql
