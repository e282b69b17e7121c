#include "core/sql/split.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pgweir::sql {
namespace {

using Texts = std::vector<std::string>;

Texts split(std::string_view text, bool backslash_escapes = false) {
  Texts found;
  Split statements(text, backslash_escapes);
  for (auto one = statements.next(); !one.empty(); one = statements.next()) {
    found.emplace_back(one);
  }
  return found;
}

TEST(Split, AtSemicolonsWithoutWhatIsAround) {
  EXPECT_EQ(split("select 1; select 2"), (Texts{"select 1", "select 2"}));
  EXPECT_EQ(split(" /* a */ select /* b */ 1 -- c\n ;\n"), (Texts{"select /* b */ 1"}));
  EXPECT_EQ(split(";; ; /* ; */ -- ;\n"), Texts{});
  EXPECT_EQ(split(""), Texts{});
}

TEST(Split, NotInsideOfStringsNamesAndComments) {
  EXPECT_EQ(split("select ';', $a$;$a$, \";\" /* ; */; b"),
            (Texts{"select ';', $a$;$a$, \";\"", "b"}));
  EXPECT_EQ(split(R"(select '\'; select ';')"), (Texts{R"(select '\')", "select ';'"}));
  EXPECT_EQ(split(R"(select '\'; select ';')", true), (Texts{R"(select '\'; select ')", "'"}));
}

TEST(Split, NotInsideOfTheParenthesesOfARule) {
  EXPECT_EQ(split("create rule r as on insert to t do (select 1; select (2); ); select 3"),
            (Texts{"create rule r as on insert to t do (select 1; select (2); )", "select 3"}));
  EXPECT_EQ(split("a); b"), (Texts{"a)", "b"}));
}

TEST(Split, NotInsideOfTheBodyOfARoutine) {
  for (const std::string head :
       {"CREATE FUNCTION f() RETURNS int", "create or replace function f(a int default (1))",
        "Create Procedure p()", "create or replace procedure p()"}) {
    for (const std::string body :
         {"begin atomic end", "BEGIN ATOMIC select 1; END", "begin atomic ;; select 1; ; end",
          "begin /* ; */ atomic select case when a then atomic end; select 1 end; end",
          "begin atomic select (case a when 1 then 2 end); end"}) {
      const std::string routine = head + " " + body;
      EXPECT_EQ(split(routine + "; select 2"), (Texts{routine, "select 2"})) << routine;
    }
  }
}

TEST(Split, OnlyOfARoutineThatHasABody) {
  EXPECT_EQ(split("begin; end; select 1"), (Texts{"begin", "end", "select 1"}));
  EXPECT_EQ(split("create function begin() returns atomic as 'x'; a; end"),
            (Texts{"create function begin() returns atomic as 'x'", "a", "end"}));
  EXPECT_EQ(split("create function f(begin atomic) returns int as 'x'; a"),
            (Texts{"create function f(begin atomic) returns int as 'x'", "a"}));
  EXPECT_EQ(split("create view f as select begin atomic; a"),
            (Texts{"create view f as select begin atomic", "a"}));
}

}  // namespace
}  // namespace pgweir::sql
