#include "sim/sql.h"

#include <charconv>
#include <map>
#include <utility>

namespace pgweir::sim {

namespace {

using Kind = Statement::Kind;

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string unquoted(const std::string& text) {
  const bool quoted = text.size() >= 2 && text.front() == '\'' && text.back() == '\'';
  return quoted ? text.substr(1, text.size() - 2) : text;
}

// Words; what is in quotes is one word with its quotes; '=' is a word.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false;
  const auto end_word = [&] {
    if (!word.empty()) words.push_back(std::exchange(word, ""));
  };
  for (const char c : text) {
    if (c == '\'') quoted = !quoted;
    if (!quoted && is_space(c)) {
      end_word();
    } else if (!quoted && c == '=') {
      end_word();
      words.emplace_back("=");
    } else {
      word += c;
    }
  }
  end_word();
  return words;
}

int number(const std::vector<std::string>& words, std::size_t index, int otherwise) {
  int value = otherwise;
  if (index < words.size()) {
    std::from_chars(words[index].data(), words[index].data() + words[index].size(), value);
  }
  return value;
}

// select pg_catalog.set_config($1, $2, false), pg_catalog.set_config($3, $4, false) …
Statement set_config(std::string_view text) {
  std::string dense;
  for (const char c : text) {
    if (!is_space(c)) dense += c;
  }
  std::string expected = "select";
  int pair_count = 0;
  while (expected.size() < dense.size()) {
    if (pair_count > 0) expected += ',';
    ++pair_count;
    expected += "pg_catalog.set_config($" + std::to_string(2 * pair_count - 1) + ",$" +
                std::to_string(2 * pair_count) + ",false)";
  }
  if (expected != dense) return {};
  return {.kind = Kind::set_config, .name = {}, .value = {}, .count = 2 * pair_count};
}

Statement of_kind(Kind kind) {
  Statement statement;
  statement.kind = kind;
  return statement;
}

Statement understand_set(const std::vector<std::string>& words) {
  if (words.size() < 4 || (words[2] != "=" && lower(words[2]) != "to")) return {};
  Statement statement = of_kind(Kind::set);
  statement.name = words[1];
  for (std::size_t i = 3; i < words.size(); ++i) {
    statement.value += (i > 3 ? " " : "") + unquoted(words[i]);
  }
  return statement;
}

Statement understand_one(std::string_view text) {
  const std::vector<std::string> words = words_of(text);
  if (words.empty()) return of_kind(Kind::nothing);
  const std::string first = lower(words[0]);
  const std::string second = words.size() > 1 ? lower(words[1]) : "";
  Statement statement;
  if (words.size() > 1) statement.value = unquoted(words[1]);
  const auto as = [&](Kind kind) {
    statement.kind = kind;
    return statement;
  };
  if (first == "proof") {
    statement.count = number(words, 1, 1);
    statement.size = number(words, 2, 0);
    return as(Kind::proof);
  }
  if (first == "select" && second.starts_with("pg_catalog.set_config")) return set_config(text);
  if (first == "select" && second.starts_with('\'')) return as(Kind::select);
  if (first == "begin") return as(Kind::begin);
  if (first == "commit" || first == "end") return as(Kind::commit);
  if (first == "rollback") return as(Kind::rollback);
  if (first == "set") return understand_set(words);
  if (first == "error") return as(Kind::error);
  if (first == "fail" && second == "at") return as(Kind::fail_at_bind);
  if (first == "notice") return as(Kind::notice);
  if (first == "sleep") {
    statement.count = number(words, 1, 0);
    return as(Kind::sleep);
  }
  if (first == "fatal") return as(Kind::fatal);
  if (first == "discard") return as(Kind::discard);
  if (first == "insert") return as(Kind::insert);
  if (first == "show") {
    statement.name = statement.value;
    return as(Kind::show);
  }
  if (first == "rows") {
    statement.count = number(words, 1, 1);
    statement.size = number(words, 2, 1);
    return as(Kind::rows);
  }
  if (first == "copy" && second == "in") {
    statement.value = words.size() > 2 ? words[2] : "";
    return as(Kind::copy_in);
  }
  if (first == "copy" && second == "out") {
    statement.count = number(words, 2, 1);
    return as(Kind::copy_out);
  }
  return {};
}

// Takes "/*c7 r42*/" from the front of a text.
void take_tag(std::string_view& text, Statement& statement) {
  if (!text.starts_with("/*c")) return;
  const std::size_t space = text.find(' ');
  const std::size_t end = text.find("*/");
  if (end == std::string_view::npos || space > end) return;
  statement.client_tag = text.substr(2, space - 2);
  statement.request_tag = text.substr(space + 1, end - space - 1);
  text.remove_prefix(end + 2);
}

// The same words come again and again under other tags.
const Statement& remembered(std::string_view text) {
  thread_local std::map<std::string, Statement, std::less<>> known;
  const auto found = known.find(text);
  if (found != known.end()) return found->second;
  constexpr std::size_t known_max = 10'000;
  if (known.size() == known_max) known.clear();
  return known.emplace(std::string(text), understand_one(text)).first->second;
}

Statement understand_tagged(std::string_view text) {
  Statement tag;
  take_tag(text, tag);
  Statement statement = remembered(trimmed(text));
  statement.client_tag = std::move(tag.client_tag);
  statement.request_tag = std::move(tag.request_tag);
  return statement;
}

}  // namespace

std::vector<Statement> understand(std::string_view sql) {
  std::vector<Statement> statements;
  bool quoted = false;
  std::size_t begin = 0;
  const auto take_up_to = [&](std::size_t end) {
    const std::string_view one = trimmed(sql.substr(begin, end - begin));
    if (!one.empty()) statements.push_back(understand_tagged(one));
    begin = end + 1;
  };
  for (std::size_t i = 0; i < sql.size(); ++i) {
    if (sql[i] == '\'') quoted = !quoted;
    if (sql[i] == ';' && !quoted) take_up_to(i);
  }
  if (!quoted) take_up_to(sql.size());
  if (statements.empty()) statements.push_back(of_kind(quoted ? Kind::unknown : Kind::nothing));
  return statements;
}

}  // namespace pgweir::sim
