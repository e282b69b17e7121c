// What a SET gives its setting, as far as its text tells.
#include <gtest/gtest.h>

#include "core/sql/session_effects.h"

namespace pgweir::sql {
namespace {

std::string value(std::string_view statement) {
  return effects_of(statement, false).value.value_or("unknown");
}

TEST(SetValue, OneStringIsTaken) {
  EXPECT_EQ(value("set a = 'It''s'"), "It's");
  EXPECT_EQ(value("SET SESSION a TO ''"), "");
  EXPECT_EQ(value("set my.\"App\".user='x y' -- why\n"), "x y");
  EXPECT_EQ(value("set a to E'x'"), "x");
  EXPECT_EQ(value("set a to $$it's$$"), "it's");
  EXPECT_EQ(value("set a to $b$$$b$"), "$");
  EXPECT_EQ(value("set a to $$$$"), "");
}

TEST(SetValue, OneNumberIsTaken) {
  EXPECT_EQ(value("set a = 0"), "0");
  EXPECT_EQ(value("set a=-15"), "-15");
  EXPECT_EQ(value("set a to + 15"), "15");
  EXPECT_EQ(value("set a to -0"), "0");
  EXPECT_EQ(value("set a to -00.50"), "-00.50");
  EXPECT_EQ(value("set a to 1E-3"), "1E-3");
  EXPECT_EQ(value("set a to 99999999999"), "99999999999");
}

TEST(SetValue, OneWordIsTaken) {
  EXPECT_EQ(value("set a = TRUE"), "true");
  EXPECT_EQ(value("set a to On"), "on");
  EXPECT_EQ(value("set a to Warning"), "warning");
  EXPECT_EQ(value("set a to \"Mixed \"\"Case\"\"\""), "Mixed \"Case\"");
}

TEST(SetValue, NamesOfAListAreQuotedWhereNeeded) {
  EXPECT_EQ(value("set search_path to \"public\""), "public");
  EXPECT_EQ(value("set Search_Path to A, \"B\", 'c d', _e1"), "a, \"B\", \"c d\", _e1");
  EXPECT_EQ(value("set search_path = 'a, b'"), "\"a, b\"") << "one schema";
  EXPECT_EQ(value("set search_path = '$user', public"), "\"$user\", public");
  EXPECT_EQ(value("set search_path = '\"'"), "\"\"\"\"");
  EXPECT_EQ(value("set search_path = ''"), "\"\"");
  EXPECT_EQ(value("set temp_tablespaces = 'One', two"), "\"One\", two");
  EXPECT_EQ(value("set schema 'A'"), "\"A\"");
}

TEST(SetValue, OfAWholeSetConfigItIsWhatItSays) {
  EXPECT_EQ(value("select set_config('search_path', '', false)"), "");
  EXPECT_EQ(value("SELECT pg_catalog . set_config ('a.b', 'c, d', FALSE)"), "c, d");
  for (const char* statement :
       {"select set_config('a', 'b', true)", "select set_config('a', 'b', 'f')",
        "select set_config('a', $1, false)", "select set_config('a', 'b', false) from c",
        "select set_config('a', 'b' || 'c', false)", "select set_config('a', null, false)",
        "select set_config('a', 'b', false), set_config('c', 'd', false)",
        "select mine.set_config('a', 'b', false)", "select set_config($1, 'b', false)"}) {
    EXPECT_EQ(value(statement), "unknown") << statement;
  }
}

TEST(SetValue, WhatIsNotCertainIsNotTaken) {
  for (const char* statement : {"set a = b, c",
                                "set a = 'b', 'c'",
                                "set a to default",
                                "set a from current",
                                "set local a = 1",
                                "set a = E'\\x41'",
                                "set a = 'a\\b'",
                                "set a = U&'\\0041'",
                                "set a = U&\"b\"",
                                "set a = B'1'",
                                "set a = X'1'",
                                "set a = N'a'",
                                "set a = 'a'\n'b'",
                                "set a = 010",
                                "set a = 0x1f",
                                "set a = 1_000",
                                "set a = 5kB",
                                "set a = $1",
                                "set a = f('b')",
                                "set a = 'b' || 'c'",
                                "set a = - 'b'",
                                "set a = '\xc3\xa4'",
                                "set a = \xc3\xa4",
                                "set search_path = a, $1",
                                "set search_path = a,",
                                "set a = ",
                                "set a = 'b",
                                "set role a",
                                "set session authorization a",
                                "set time zone 'UTC'",
                                "set names 'utf8'",
                                "set transaction isolation level serializable",
                                "reset a",
                                "set schema a",
                                "set session characteristics as transaction read only",
                                "set a = interval '1 day'"}) {
    EXPECT_EQ(value(statement), "unknown") << statement;
  }
  EXPECT_EQ(value("set a = \"" + std::string(64, 'a') + "\""), "unknown") << "PostgreSQL cuts it";
}

TEST(SetValue, TheDefaultIsTold) {
  EXPECT_TRUE(effects_of("set a to default", false).to_default);
  EXPECT_TRUE(effects_of("SET SESSION a = DEFAULT", false).to_default);
  EXPECT_FALSE(effects_of("set local a to default", false).to_default);
  EXPECT_FALSE(effects_of("set a to 'default'", false).to_default);
  EXPECT_FALSE(effects_of("set a to \"default\"", false).to_default);
}

}  // namespace
}  // namespace pgweir::sql
