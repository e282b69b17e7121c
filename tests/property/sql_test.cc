// Texts of SQL, and of what only looks like it: made of the pieces that mean something to core/sql.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "tests/property/sql_laws.h"

namespace pgweir::sql {
namespace {

const std::vector<std::string>& statements() {
  static const std::vector<std::string> all{
      "select a from b where c = $1",
      "PREPARE \"A b\" (int, text) AS SELECT $1, $2",
      "execute p(1, 'a;b')",
      "explain (analyze) execute p",
      "create table t as execute p(1)",
      "deallocate prepare all",
      "discard temp",
      "set local My.Setting to default",
      "set session time zone 'UTC'",
      "set session characteristics as transaction read only, isolation level read committed",
      "set session authorization default",
      "reset session authorization",
      "select set_config('A', set_config('b', '', false), true)",
      "select u&\"set!005fconfig\" uescape '!' ('a', 'b', true)",
      "update only pg_catalog.pg_settings set setting = e'\\''",
      "rollback work to savepoint s",
      "unlisten *",
      "declare c no scroll cursor with hold for select $a$;$a$",
      "create or replace temp view v as select 1",
      "create temp table t () on commit drop",
      "select 1 into local temp t",
      "create table pg_temp.t (a int)",
      "select pg_try_advisory_lock_shared(1), pg_advisory_unlock_all()",
      "create or replace function f() returns int begin atomic select case when a then b end; end",
      "create rule r as on insert to t do also (select 1; select 2)",
      "do $$ begin end $$",
      "((select 1))",
  };
  return all;
}

const std::vector<std::string>& pieces() {
  static const std::vector<std::string> all{
      "'",           "''",          "\"",      "e'",     "\\",      "u&\"",
      "U&'",         "$a$",         "$$",      "$1",     "--",      "\n",
      " ",           "/*",          "*/",      ";",      "(",       ")",
      ",",           ".",           "=",       "b'1'",   "0x1",     "1.5e3",
      "select",      "set",         "SESSION", "local",  "create",  "temp",
      "table",       "into",        "insert",  "with",   "as",      "prepare",
      "execute",     "pg_settings", "begin",   "atomic", "end",     "function",
      "all",         "set_config",  "true",    "'a'",    "uescape", "\xc3\xa4",
      "pg_temp",     "update",      "explain", "on",     "commit",  "drop",
      "to",          "reset",       "cursor",  "hold",   "declare", "pg_advisory_lock",
      "transaction",
  };
  return all;
}

template <class T>
rc::Gen<std::string> joined(rc::Gen<T> parts, const std::string& separator) {
  return rc::gen::map(rc::gen::container<std::vector<T>>(std::move(parts)),
                      [separator](const std::vector<T>& all) {
                        std::string out;
                        for (const T& part : all) out += part + separator;
                        return out;
                      });
}

rc::Gen<std::string> any_soup() { return joined(rc::gen::elementOf(pieces()), " "); }
rc::Gen<std::string> any_soup_without_spaces() { return joined(rc::gen::elementOf(pieces()), ""); }
rc::Gen<std::string> any_statements() { return joined(rc::gen::elementOf(statements()), ";"); }
rc::Gen<std::string> any_text() {
  return rc::gen::oneOf(any_soup(), any_soup_without_spaces(), any_statements(),
                        rc::gen::arbitrary<std::string>(),
                        rc::gen::map(any_soup(), [](auto soup) { return "select " + soup; }));
}

void obeys(std::string_view text, bool backslash_escapes) {
  const std::string wrong = first_broken_law(text, backslash_escapes);
  if (!wrong.empty()) RC_FAIL(wrong + " in: " + std::string(text));
}

TEST(SqlProperty, AnyTextCutAnywhereObeysTheLaws) {
  RC_ASSERT(rc::check([] {
    const std::string text = *any_text();
    const bool backslash_escapes = *rc::gen::arbitrary<bool>();
    obeys(text, backslash_escapes);
    const std::size_t cut = *rc::gen::inRange<std::size_t>(0, text.size() + 1);
    // Copies, so that a sanitizer sees what reads beyond them.
    obeys(std::string(text, 0, cut), backslash_escapes);
    obeys(std::string(text, cut), backslash_escapes);
  }));
}

// Each begins with a space, lest it begin another comment together with the symbol before it. Ends
// of lines have a law of their own: they make one string of two that stand side by side.
TEST(SqlProperty, BlanksAndCommentsBetweenTokensChangeNothing) {
  RC_ASSERT(rc::check([] {
    const std::string text = *rc::gen::oneOf(any_statements(), any_soup());
    const bool backslash_escapes = *rc::gen::arbitrary<bool>();
    std::string filled;
    for (const Token& token : all_tokens(text, backslash_escapes)) {
      if (!filled.empty())
        filled += *rc::gen::element<std::string>("", " ", " /* ; /* */ ' */ ", " /*set*/ \t");
      filled += token.text;
    }
    RC_ASSERT(told(filled, backslash_escapes) == told(text, backslash_escapes));
  }));
}

TEST(SqlProperty, LinesBetweenTokensChangeNothing) {
  RC_ASSERT(rc::check([] {
    const std::string text = *any_statements();
    std::string filled;
    for (const Token& token : all_tokens(text, false)) {
      if (!filled.empty())
        filled += *rc::gen::element<std::string>("", "\n", " -- ; '\n ", " --\r");
      filled += token.text;
    }
    RC_ASSERT(told(filled, false) == told(text, false));
  }));
}

TEST(SqlProperty, TheCaseOfWordsChangesNothing) {
  RC_ASSERT(rc::check([] {
    const std::string text = *rc::gen::oneOf(any_statements(), any_soup());
    std::string other;
    for (const Token& token : all_tokens(text, false)) {
      if (token.kind != TokenKind::word) {
        other += token.text;
        continue;
      }
      for (const char c : token.text) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        other += letter && *rc::gen::arbitrary<bool>() ? static_cast<char>(c ^ 0x20) : c;
      }
    }
    RC_ASSERT(told(other, false) == told(text, false));
  }));
}

std::string in_quotes(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) out.append(c == quote ? 2 : 1, c);
  return out + quote;
}

// Of what may be read at all: ASCII without escapes, not too long for a name.
rc::Gen<std::string> any_plain_text() {
  const auto character =
      rc::gen::suchThat(rc::gen::inRange<int>(1, 0x80), [](int c) { return c != '\\'; });
  return rc::gen::map(rc::gen::container<std::vector<int>>(character), [](const auto& all) {
    std::string out;
    for (const int c : all) out += static_cast<char>(c);
    return out.substr(0, 25);
  });
}

TEST(SqlProperty, AStringThatIsSetIsWhatItQuotes) {
  RC_ASSERT(rc::check([] {
    const std::string text = *any_plain_text();
    RC_ASSERT(effects_of("set a = " + in_quotes(text, '\''), false).value == text);
    RC_ASSERT(effects_of("set a to E" + in_quotes(text, '\''), false).value == text);
  }));
}

// What is set of a list, set again as names, is the same.
TEST(SqlProperty, AListOfNamesIsReadAsItIsWritten) {
  RC_ASSERT(rc::check([] {
    const std::string one = *any_plain_text();
    const std::string two = *any_plain_text();
    const std::string set = "set search_path = ";
    const auto value =
        effects_of(set + in_quotes(one, '\'') + "," + in_quotes(two, '\''), false).value;
    RC_ASSERT(value);
    RC_ASSERT(effects_of(set + *value, false).value == value);
  }));
}

TEST(SqlProperty, AStatementIsTheSameAloneAndAmongOthers) {
  RC_ASSERT(rc::check([] {
    const auto chosen =
        *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(statements()));
    std::string together;
    std::string one_by_one;
    for (const std::string& statement : chosen) {
      together += statement + ";";
      one_by_one += told(statement, false);
    }
    RC_ASSERT(told(together, false) == one_by_one);
  }));
}

}  // namespace
}  // namespace pgweir::sql
