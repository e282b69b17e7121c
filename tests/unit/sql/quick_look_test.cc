#include "core/sql/quick_look.h"

#include <gtest/gtest.h>

namespace pgweir::sql {
namespace {

TEST(QuickLook, SeesNothingInMostQueries) {
  for (const char* text :
       {"", " ", "/* a; b", "select 1", " -- which\n SELECT 1 ; \n;", "((select 1))",
        "insert into t (a) values ($1) returning id", "WITH a AS (SELECT 1) SELECT * FROM a",
        "update t set a = 'config' where paging > 1 & 2", "delete from advice"}) {
    EXPECT_FALSE(may_have_effects(text)) << text;
  }
}

TEST(QuickLook, SeesWhatMayBe) {
  for (const char* text :
       {"set a = 1", "begin", "select 1; select 2", "select SET_CONFIG('a','b','c')",
        "select pg_Advisory_lock(1)", "select 1 into Temp t", "select u&\"a\"()",
        "with a as (update pg_settings set setting = 1) select", "explain select 1", ";set a = 1",
        "select 1;-- a\nset a = 1"}) {
    EXPECT_TRUE(may_have_effects(text)) << text;
  }
}

TEST(QuickLook, KnowsABareBeginAndCommit) {
  for (const char* text : {"begin", "COMMIT", "End ; \n;"}) {
    EXPECT_TRUE(only_begins_or_commits(text)) << text;
  }
  for (const char* text : {"", ";", "begin read only", "commit and chain", "commit prepared 'a'",
                           "rollback", "begin; set a = 1", "beg", "begins"}) {
    EXPECT_FALSE(only_begins_or_commits(text)) << text;
  }
}

}  // namespace
}  // namespace pgweir::sql
