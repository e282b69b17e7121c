#include "sim/sql.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <string>
#include <unordered_map>
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

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

bool is_lower(std::string_view text, std::string_view lower_text) {
  return std::ranges::equal(text, lower_text, [](char a, char b) { return lower(a) == b; });
}

std::string unquoted(std::string_view text) {
  const bool quoted = text.size() >= 2 && text.front() == '\'' && text.back() == '\'';
  return std::string(quoted ? text.substr(1, text.size() - 2) : text);
}

// Words; what is in quotes is one word with its quotes; '=' is a word.
std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t begin = 0;
  bool quoted = false;
  const auto end_word = [&](std::size_t end) {
    if (end > begin) words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\'') quoted = !quoted;
    if (quoted || (!is_space(text[i]) && text[i] != '=')) continue;
    end_word(i);
    if (text[i] == '=') words.push_back(text.substr(i, 1));
  }
  end_word(text.size());
  return words;
}

int number(const std::vector<std::string_view>& words, std::size_t index, int otherwise) {
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

Statement of_kind(Kind kind, std::string name = "", std::string value = "") {
  Statement statement;
  statement.kind = kind;
  statement.name = std::move(name);
  statement.value = std::move(value);
  return statement;
}

// The words of a statement, compared without case.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text), words_(words_of(text)) {}
  std::size_t size() const { return words_.size(); }
  std::string operator[](std::size_t index) const {
    return index < words_.size() ? unquoted(words_[index]) : "";
  }
  std::string last() const { return (*this)[words_.size() - 1]; }
  bool at(std::size_t index, std::string_view expected) const {
    return index < words_.size() && is_lower(words_[index], expected);
  }
  // Expected are words with one space between them.
  bool begin(std::string_view expected) const {
    for (std::size_t i = 0;; ++i) {
      const std::size_t end = expected.find(' ');
      if (!at(i, expected.substr(0, end))) return false;
      if (end == std::string_view::npos) return true;
      expected.remove_prefix(end + 1);
    }
  }
  int number(std::size_t index, int otherwise) const {
    return sim::number(words_, index, otherwise);
  }
  // What stands behind the first such word.
  std::string behind(std::string_view word) const {
    const std::string between = " " + std::string(word) + " ";
    const std::size_t at = lower(text_).find(between);
    return at == std::string::npos ? "" : std::string(text_.substr(at + between.size()));
  }
  std::string joined_from(std::size_t index) const {
    std::string text;
    for (std::size_t i = index; i < words_.size(); ++i) text += (i > index ? " " : "") + (*this)[i];
    return text;
  }

 private:
  std::string_view text_;
  std::vector<std::string_view> words_;
};

Statement understand_set(const Words& words) {
  const bool local = words.at(1, "local");
  const std::size_t at = local || words.at(1, "session") ? 2 : 1;
  Statement statement = of_kind(local ? Kind::set_local : Kind::set);
  if (words.begin("set session authorization")) {
    statement.name = "session_authorization";
    statement.value = words[3];
  } else if (words.at(at, "role")) {
    statement.name = "role";
    statement.value = words[at + 1];
  } else if (words.at(at + 1, "=") || words.at(at + 1, "to")) {
    statement.name = words[at];
    statement.value = words.joined_from(at + 2);
  }
  if (statement.value.empty()) return {};
  return statement;
}

Statement understand_reset(const Words& words) {
  if (words.begin("reset session authorization"))
    return of_kind(Kind::reset, "session_authorization");
  return words.size() == 2 ? of_kind(Kind::reset, words.at(1, "all") ? "all" : words[1])
                           : Statement{};
}

Statement understand_transaction(const Words& words) {
  if (words.begin("begin read only")) return of_kind(Kind::begin_read_only);
  if (words.begin("begin")) return of_kind(Kind::begin);
  if (words.begin("commit") || words.begin("end")) return of_kind(Kind::commit);
  if (words.begin("rollback to")) return of_kind(Kind::rollback_to, words.last());
  if (words.begin("rollback")) return of_kind(Kind::rollback);
  if (words.begin("savepoint")) return of_kind(Kind::savepoint, words[1]);
  if (words.begin("release")) return of_kind(Kind::release, words.last());
  return {};
}

// Cursors, and statements that are prepared by SQL.
Statement understand_prepared(const Words& words) {
  if (words.begin("declare")) {
    Statement statement = of_kind(Kind::declare, words[1], words.behind("for"));
    statement.size = words.at(3, "with") && words.at(4, "hold");
    return statement;
  }
  if (words.begin("fetch")) {
    Statement statement = of_kind(Kind::fetch, words.last());
    statement.count = words.at(1, "all") ? -1 : words.number(1, 1);
    return statement;
  }
  if (words.begin("close")) return of_kind(Kind::close, words[1]);
  if (words.begin("prepare")) return of_kind(Kind::prepare, words[1], words.behind("as"));
  if (words.begin("execute")) return of_kind(Kind::execute, words[1]);
  if (words.begin("deallocate")) return of_kind(Kind::deallocate, words.last());
  return {};
}

Statement understand_table_or_channel(const Words& words) {
  if (words.begin("create temp table")) {
    Statement statement = of_kind(Kind::create_table, words[3]);
    statement.size = lower(words.last()) == "drop";  // on commit drop
    return statement;
  }
  if (words.begin("drop table")) return of_kind(Kind::drop_table, words[2]);
  if (words.begin("listen")) return of_kind(Kind::listen, words[1]);
  if (words.begin("unlisten")) return of_kind(Kind::unlisten, words[1]);
  if (words.begin("notify")) {
    std::string channel = words[1];
    if (channel.ends_with(',')) channel.pop_back();
    return of_kind(Kind::notify, channel, words[2]);
  }
  return {};
}

// select pg_advisory_lock(7)
Statement understand_lock(const Words& words) {
  constexpr std::string_view begin = "pg_";
  const std::string call = words[1].substr(begin.size());
  const std::string function = call.substr(0, call.find('('));
  Statement statement;
  const char* digits = call.data() + std::min(function.size() + 1, call.size());
  std::from_chars(digits, call.data() + call.size(), statement.count);
  statement.size = function.find("_xact_") != std::string::npos;
  if (function == "advisory_lock" || function == "advisory_xact_lock") {
    statement.kind = Kind::lock;
  } else if (function == "try_advisory_lock" || function == "try_advisory_xact_lock") {
    statement.kind = Kind::try_lock;
  } else if (function == "advisory_unlock") {
    statement.kind = Kind::unlock;
  } else if (function == "advisory_unlock_all") {
    statement.kind = Kind::unlock_all;
  }
  return statement;
}

// What PostgreSQL has no words for.
Statement understand_own(const Words& words) {
  Statement statement;
  statement.value = words[1];
  const auto as = [&](Kind kind) {
    statement.kind = kind;
    return statement;
  };
  const auto sized = [&](Kind kind, std::size_t index, int size) {
    statement.count = words.number(index, 1);
    statement.size = words.number(index + 1, size);
    return as(kind);
  };
  if (words.begin("proof")) return sized(Kind::proof, 1, 0);
  if (words.begin("rows")) return sized(Kind::rows, 1, 1);
  if (words.begin("copy out")) return sized(Kind::copy_out, 2, 0);
  if (words.begin("error")) return as(Kind::error);
  if (words.begin("fail at bind")) return as(Kind::fail_at_bind);
  if (words.begin("notice")) return as(Kind::notice);
  if (words.begin("fatal")) return as(Kind::fatal);
  if (words.begin("insert")) return as(Kind::insert);
  if (words.begin("sleep")) {
    statement.count = words.number(1, 0);
    return as(Kind::sleep);
  }
  if (words.begin("copy in")) {
    statement.value = words[2];
    return as(Kind::copy_in);
  }
  return statement;
}

Statement understand_one(std::string_view text) {
  const Words words(text);
  if (words.size() == 0) return of_kind(Kind::nothing);
  if (words.begin("select")) {
    const std::string call = lower(words[1]);
    if (call.starts_with("pg_catalog.set_config")) return set_config(text);
    if (call.starts_with("pg_")) return understand_lock(words);
    if (text.ends_with('\'')) return of_kind(Kind::select, "", words[1]);
    return {};
  }
  if (words.begin("set")) return understand_set(words);
  if (words.begin("reset")) return understand_reset(words);
  if (words.begin("show")) return of_kind(Kind::show, words[1]);
  if (words.begin("discard")) return of_kind(Kind::discard, "", lower(words[1]));
  for (const auto& understand :
       {understand_transaction, understand_prepared, understand_table_or_channel, understand_own}) {
    Statement statement = understand(words);
    if (statement.kind != Kind::unknown) return statement;
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
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  thread_local std::unordered_map<std::string, Statement, Hash, std::equal_to<>> known;
  const auto found = known.find(text);
  if (found != known.end()) return found->second;
  constexpr std::size_t known_max = 1000;  // more do not stay in a processor's cache
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

bool retag(Statement& statement, std::string_view text) {
  if (!text.starts_with("/*c")) return false;
  take_tag(text, statement);
  return true;
}

Statement understand_for(const Statement& whose, std::string_view sql) {
  Statement statement = remembered(trimmed(sql));
  statement.client_tag = whose.client_tag;
  statement.request_tag = whose.request_tag;
  return statement;
}

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

std::vector<std::string> columns_of(const Statement& statement) {
  switch (statement.kind) {
    case Kind::proof:
      return {"client",      "request", "host",  "backend", "generation",
              "transaction", "row",     "state", "reading"};
    case Kind::set_config:
      return std::vector<std::string>(static_cast<std::size_t>(statement.count / 2), "set_config");
    case Kind::select:
    case Kind::rows:
    case Kind::show:
    case Kind::sleep:
    case Kind::lock:
    case Kind::try_lock:
    case Kind::unlock:
    case Kind::unlock_all: return {"text"};
    case Kind::nothing:
    case Kind::error:
    case Kind::fail_at_bind:
    case Kind::notice:
    case Kind::fatal:
    case Kind::begin:
    case Kind::begin_read_only:
    case Kind::commit:
    case Kind::rollback:
    case Kind::savepoint:
    case Kind::rollback_to:
    case Kind::release:
    case Kind::set:
    case Kind::set_local:
    case Kind::reset:
    case Kind::copy_in:
    case Kind::copy_out:
    case Kind::discard:
    case Kind::insert:
    case Kind::declare:
    case Kind::fetch:
    case Kind::close:
    case Kind::prepare:
    case Kind::execute:
    case Kind::deallocate:
    case Kind::create_table:
    case Kind::drop_table:
    case Kind::listen:
    case Kind::unlisten:
    case Kind::notify:
    case Kind::unknown: return {};
  }
  return {};
}

bool comes_in_parts(const Statement& statement) {
  return statement.kind == Kind::proof || statement.kind == Kind::rows ||
         statement.kind == Kind::select;
}

int row_count_of(const Statement& statement) {
  return statement.kind == Kind::select ? 1 : statement.count;
}

}  // namespace pgweir::sim
