#include "core/sql/set_value.h"

#include <algorithm>
#include <cstddef>

#include "core/sql/letters.h"
#include "core/sql/name.h"

namespace pgweir::sql {
namespace {

// PostgreSQL's GUC_LIST_QUOTE, of those that anybody may set in a session.
bool is_list_of_names(std::string_view setting) {
  return setting == "search_path" || setting == "temp_tablespaces";
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// As quote_identifier makes it; but keywords need no quotes here.
std::string as_name(std::string_view text) {
  const auto is_plain = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  const bool plain = !text.empty() && is_plain(text.front()) &&
                     std::ranges::all_of(text, [&](char c) { return is_plain(c) || is_digit(c); });
  if (plain) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted.append(c == '"' ? "\"\"" : std::string_view(&c, 1));
  return quoted + '"';
}

std::optional<std::string> dollar_quoted(std::string_view text) {
  const std::size_t tag_size = text.find('$', 1) + 1;
  if (tag_size < 2 || text.size() < 2 * tag_size) return std::nullopt;
  return std::string(text.substr(tag_size, text.size() - 2 * tag_size));
}

// '...' and E'...' without escapes, $$...$$. One that is continued on another line is not read.
std::optional<std::string> string_of(std::string_view text) {
  if (text.starts_with('$')) return dollar_quoted(text);
  if (lower(text.front()) == 'e') text.remove_prefix(1);
  if (!text.starts_with('\'') || text.contains('\\')) return std::nullopt;
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\'') {
      if (i + 1 == text.size()) return value;
      if (text[++i] != '\'') return std::nullopt;
    }
    value += text[i];
  }
  return std::nullopt;  // not terminated
}

// PostgreSQL prints whole numbers anew, and copies others. One that begins with a zero would be
// octal to set_config.
std::optional<std::string> number_of(std::string_view text, bool negative) {
  const bool whole = std::ranges::all_of(text, is_digit);
  if (whole && text.size() > 1 && text.front() == '0') return std::nullopt;
  const bool plain = std::ranges::all_of(
      text, [](char c) { return is_digit(c) || std::string_view(".eE+-").contains(c); });
  if (!plain) return std::nullopt;
  return std::string(negative && text != "0" ? "-" : "").append(text);
}

std::optional<std::string> signed_number(Cursor& cursor) {
  const bool negative = cursor.is('-');
  if (negative || cursor.is('+')) cursor.advance();
  const Token token = cursor.token();
  if (token.kind != TokenKind::number) return std::nullopt;
  cursor.advance();
  return number_of(token.text, negative);
}

// A string or a name. What PostgreSQL would cut is not read.
std::optional<std::string> words(Cursor& cursor) {
  const Token token = cursor.token();
  std::optional<std::string> value;
  if (token.kind == TokenKind::string) {
    value = string_of(token.text);
  } else {
    const bool plain = token.kind == TokenKind::word || token.text.starts_with('"');
    if (!plain || token.text.size() > name_size_max) return std::nullopt;
    value = name_of(token);
  }
  cursor.advance();
  return value && is_ascii(*value) ? value : std::nullopt;
}

std::optional<std::string> item(Cursor& cursor, bool of_names) {
  const TokenKind kind = cursor.token().kind;
  if (kind == TokenKind::number || kind == TokenKind::symbol) return signed_number(cursor);
  if (!cursor.is_name() && kind != TokenKind::string) return std::nullopt;
  const std::optional<std::string> value = words(cursor);
  return value && of_names ? as_name(*value) : value;
}

}  // namespace

SetValue set_value(Cursor cursor, std::string_view name) {
  if (!cursor.take('=') && !cursor.take("to")) return {};
  Cursor ahead = cursor;
  if (ahead.take("default")) return {.value = std::nullopt, .is_default = ahead.at_end()};
  const bool of_names = is_list_of_names(name);
  std::string text;
  do {
    const std::optional<std::string> one = item(cursor, of_names);
    if (!one) return {};
    text.append(text.empty() ? "" : ", ").append(*one);
  } while (of_names && cursor.take(','));
  if (!cursor.at_end()) return {};
  return {.value = std::move(text)};
}

std::optional<std::string> set_string(Cursor cursor, std::string_view name) {
  if (cursor.token().kind != TokenKind::string) return std::nullopt;
  const std::optional<std::string> value = item(cursor, is_list_of_names(name));
  return cursor.at_end() ? value : std::nullopt;
}

std::optional<std::string> set_config_value(Cursor cursor) {
  const auto is_string = [&] { return cursor.token().kind == TokenKind::string; };
  if (!cursor.take("select")) return std::nullopt;
  if (cursor.take("pg_catalog") && !cursor.take('.')) return std::nullopt;
  if (!cursor.take("set_config") || !cursor.take('(') || !is_string()) return std::nullopt;
  cursor.advance();
  if (!cursor.take(',') || !is_string()) return std::nullopt;
  const std::optional<std::string> value = words(cursor);
  if (!cursor.take(',') || !cursor.take("false") || !cursor.take(')')) return std::nullopt;
  return cursor.at_end() ? value : std::nullopt;
}

}  // namespace pgweir::sql
