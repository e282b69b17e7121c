// What core/sql makes of texts, and what PostgreSQL does with them: where the two differ,
// PostgreSQL is right.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/sql/session_effects.h"
#include "core/sql/split.h"
#include "tests/integration/environment.h"

namespace pgweir::integration {
namespace {

using SqlCommand = sql::Command;
using sql::Effects;

class ConformanceSql : public IntegrationTest {
 protected:
  ConformanceSql() : session_(postgres().direct()) {
    session_.run("create schema sql; set search_path = sql");
  }
  ~ConformanceSql() override { session_.run("reset all; drop schema sql cascade"); }

  Session session_;
};

std::vector<Effects> all_effects(std::string_view text, bool backslash_escapes = false) {
  std::vector<Effects> found;
  sql::Split statements(text, backslash_escapes);
  for (auto one = statements.next(); !one.empty(); one = statements.next()) {
    found.push_back(sql::effects_of(one, backslash_escapes));
  }
  return found;
}

// How the tag that PostgreSQL answers with begins; none: it has many, or those of others.
std::string tag_of(SqlCommand command) {
  switch (command) {
    case SqlCommand::other:
    case SqlCommand::execute:
    case SqlCommand::opaque: return "";
    case SqlCommand::prepare: return "PREPARE";
    case SqlCommand::deallocate: return "DEALLOCATE";
    case SqlCommand::discard: return "DISCARD";
    case SqlCommand::set: return "SET";
    case SqlCommand::reset: return "RESET";
    case SqlCommand::begin: return "BEGIN";
    case SqlCommand::commit: return "COMMIT";
    case SqlCommand::rollback:
    case SqlCommand::rollback_to_savepoint: return "ROLLBACK";
    case SqlCommand::savepoint: return "SAVEPOINT";
    case SqlCommand::release_savepoint: return "RELEASE";
    case SqlCommand::prepare_transaction: return "PREPARE TRANSACTION";
    case SqlCommand::listen: return "LISTEN";
    case SqlCommand::unlisten: return "UNLISTEN";
    case SqlCommand::notify: return "NOTIFY";
    case SqlCommand::declare: return "DECLARE CURSOR";
    case SqlCommand::close: return "CLOSE CURSOR";
    case SqlCommand::load: return "LOAD";
  }
  return "";
}

const std::set<std::string> tags_of_other{"SELECT",      "INSERT",          "CREATE TABLE",
                                          "CREATE VIEW", "CREATE FUNCTION", "CREATE PROCEDURE",
                                          "CREATE RULE", "DROP TABLE",      "EXPLAIN",
                                          "SHOW",        "SET CONSTRAINTS"};

// Without the numbers of rows.
std::string words_of(const std::string& tag) {
  const std::size_t number = tag.find_first_of("0123456789");
  return number == std::string::npos ? tag : tag.substr(0, number - 1);
}

// As many statements as PostgreSQL answers, and each of the kind that its tag says.
void expect_agreement(Session& session, const std::string& text, bool backslash_escapes = false) {
  SCOPED_TRACE(text);
  const std::vector<Effects> ours = all_effects(text, backslash_escapes);
  std::vector<Answer> answers = session.run_all(text);
  std::erase_if(answers, [](const Answer& one) { return one.status == PGRES_EMPTY_QUERY; });
  for (const Answer& one : answers) EXPECT_TRUE(one.ok()) << summary(one);
  ASSERT_EQ(ours.size(), answers.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const std::string& tag = answers[i].tag;
    const std::string expected = tag_of(ours[i].command);
    if (ours[i].command == SqlCommand::other) {
      EXPECT_TRUE(tags_of_other.contains(words_of(tag))) << tag;
    } else if (tag == "START TRANSACTION") {
      EXPECT_EQ(ours[i].command, SqlCommand::begin);
    } else {
      EXPECT_TRUE(tag.starts_with(expected)) << tag;
    }
  }
}

TEST_F(ConformanceSql, StatementsAreSplitAsPostgresqlSplitsThem) {
  const std::string function = "create or replace function f(a int default (1)) returns int ";
  session_.run("create table t (a int); create table \"x;y\" (\"a\"\"b;\" int)");
  for (const std::string& text : std::vector<std::string>{
           "",
           ";;",
           " -- nothing; at all",
           "select 1",
           "select 1;",
           "select 1; ; select 2;;",
           "; select 1 /* ; */ -- ;\n ; select 2 -- ;",
           "select ';', 'a'';', ''''; select 1",
           "select /* a /* b; */ ; ' */ 1; select 2",
           "select /*/* ; */ ; */ 1 /**/; select /***/ 2 /*;**/",
           "select 1 --a\r; select 2",
           "select 1 /* -- */; select 2 -- /*\n; select 3",
           "select $$;$$, $a$;$$;$a$, $A_1$;$a$;$A_1$; select 1",
           "select $a$$b$;$a$; select $a$$$;$a$",
           "select $\xc3\xa4$;$\xc3\xa4$; select 2",
           "select 1 a$b$, 2 as \"c;\"; select 3 as d$; select 4 as d$",
           "select E'\\';', e'a'';', E'\\\\'; select 1",
           "select '\\'; select ';'",
           std::string(
               "select U&'\\0061;''', u&\"a\".\"a\"\"b;\" from \"x;y\" U&\"\\0061\"; select 1"),
           "select U&'d!0061;' uescape '!'; select 1",
           "select B'01', x'1F', N'a;''\\'; select n'\\'",
           "select 'a;'\n'b;'; select 1",
           "select 'a;' -- ' ;\n -- '\n ';'; select 2",
           "select e'a'\r'\\';'; select 2",
           "select x'1'\n'2'; select 1",
           "select \"a\"\"b;\" from \"x;y\"; select 1",
           "select 1+--;\n2; select 3*/*;*/4; select 5 - -6",
           "select 1.5e3, .5, 1., 1e-2; select 1::int, (array[1,2])[1]",
           function + "begin atomic select 1; end; select 2",
           "create or replace procedure p() begin atomic end; select 2",
           function + "begin /*;*/ atomic select 1; ; select case when true then 1 else 2 end; END",
           function +
               "begin atomic select (case a when 1 then 2 end) from (select 1) atomic; end;;",
           function + "begin atomic select 1 end; end; select 2",
           function + "begin atomic select case when true then atomic end from "
                      "(select 1 as atomic) s; end; select 3",
           function + "return a; select 2",
           function + "language sql as $$ select 1; select 2; $$; select 3",
           "create or replace procedure p() begin atomic insert into t values (1); "
           "insert into t values (2); end; select 1",
           "create or replace rule r as on insert to \"x;y\" do also (select 1; "
           "insert into t values (1); ); select 2",
           "create or replace rule r as on insert to \"x;y\" do instead ("
           "insert into t values ((1)); select 3); insert into \"x;y\" values (1)",
           "begin; savepoint a; rollback to a; release savepoint a; end",
           "start transaction; declare c cursor for select ';'; close c; abort",
           "begin work; set constraints all deferred; rollback work; show timezone",
           "prepare p (int) as select $1; execute p((1)); explain execute p(2); "
           "deallocate prepare p",
           "set work_mem = '1MB'; reset work_mem; set time zone 'UTC'; "
           "set local session authorization default",
           "listen a; notify a, ';'; unlisten *; discard plans; load 'plpgsql'",
           "do $$ begin perform 1; end $$; call p(); explain select 1",
           "prepare transaction as select 1; deallocate transaction; close all",
       }) {
    expect_agreement(session_, text);
  }
}

TEST_F(ConformanceSql, BackslashesEscapeWhereTheSessionSaysSo) {
  session_.run("set standard_conforming_strings = off; set escape_string_warning = off");
  for (const char* text :
       {"select '\\';', 1; select 2; select 3", "select N'\\';'; select 2; select 3",
        "select B'1', '\\\\'; select ';'", "select $$\\$$; select '\\''';'; select 3; select 4"}) {
    expect_agreement(session_, text, true);
  }
}

TEST_F(ConformanceSql, NamesAreMadeAsPostgresqlMakesThem) {
  const std::string long_name(62, 'a');
  for (const std::string& name : std::vector<std::string>{
           "AB", "\"A b\"", "\"a\"\"B\"", "a$1", "U&\"\\0061!\\00e4\\20ac\\\\\"",
           "u&\"!0061!!\\\" UESCAPE '!'", "U&\"\\d83d\\de00\" /**/ uescape\n'\\'", "\xc3\x84pfel",
           "_\xe2\x82\xac", long_name + "bcd", "\"" + long_name + "\xc3\xa4x\"",
           "\"" + long_name + "b\xc3\xa4x\"", "prepare", "transaction"}) {
    const std::string text = "prepare " + name + " as select 1";
    const Answer answer = session_.run(text);
    ASSERT_TRUE(answer.ok()) << text << ": " << answer.message;
    EXPECT_EQ(session_.value("select name from pg_prepared_statements"),
              all_effects(text).at(0).name)
        << text;
    session_.run("deallocate all");
  }
}

// What a session has that outlives its transactions, each with a name.
std::set<std::string> state(Session& session) {
  std::set<std::string> found;
  for (const auto& row :
       session
           .run("select 'setting ' || lower(name) || '=' || setting from pg_settings "
                "where name not like 'transaction_%' "
                // Those that nobody has defined are not shown there.
                "union select 'setting ' || name || '=' || current_setting(name, true) "
                "from unnest(array['my.app.name', 'local.a', 'role.a']) name "
                "union select 'setting role=' || current_setting('role') "
                "union select 'setting session_authorization=' || session_user "
                "union select 'temporary' from pg_class where relnamespace = pg_my_temp_schema() "
                "union select 'cursor ' || name from pg_cursors where is_holdable "
                "union select 'lock' from pg_locks where locktype = 'advisory' and "
                "pid = pg_backend_pid() "
                "union select 'channel ' || pg_listening_channels() "
                "union select 'statement ' || name from pg_prepared_statements")
           .rows) {
    found.insert(row.at(0));
  }
  return found;
}

// What is new in the session, settings without their values.
std::set<std::string> happened(Session& session, const std::string& text) {
  const std::set<std::string> before = state(session);
  const Answer answer = session.run(text);
  EXPECT_TRUE(answer.ok()) << text << ": " << answer.message;
  std::set<std::string> added;
  for (const std::string& one : state(session)) {
    if (!before.contains(one)) added.insert(one.substr(0, one.find('=')));
  }
  return added;
}

std::set<std::string> told(const std::string& text) {
  std::set<std::string> all;
  for (const Effects& effects : all_effects(text)) {
    for (const sql::Setting& setting : effects.settings) {
      if (setting.scope == sql::Scope::session) all.insert("setting " + setting.name);
    }
    if (effects.temporary) all.insert("temporary");
    if (effects.locks) all.insert("lock");
    if (effects.with_hold) all.insert("cursor " + effects.name);
    if (effects.command == SqlCommand::listen) all.insert("channel " + effects.name);
    if (effects.command == SqlCommand::prepare) all.insert("statement " + effects.name);
  }
  return all;
}

TEST_F(ConformanceSql, WhatIsToldOfASessionHappensToIt) {
  for (const char* text : {
           "select 1",
           "set Search_Path to a, b",
           "set session \"DateStyle\" = 'German'",
           "set local work_mem = '1MB'",
           "set my.\"App\".name = 'a'",
           "set local.a = 1",
           "set role.a to 1",
           "set time zone 'Asia/Tokyo'",
           "set session time zone interval '1' hour to minute",
           "set names 'latin1'",
           "set schema 'a'",
           "set xml option document",
           "set role app",
           "set local role app",
           "set session authorization app",
           "set local session authorization app",
           "set session session authorization other",
           "set session characteristics as transaction isolation level serializable, read only, "
           "deferrable",
           "set session characteristics as transaction read only",
           "begin; set transaction isolation level serializable, read only; commit",
           "select set_config('Search_Path', 'a', false)",
           "select set_config('search_path', 'a', true)",
           "select pg_catalog.\"set_config\"('work_mem', '1MB', 'f')",
           "select U&\"set!005fconfig\" uescape '!' ('work_mem', '1MB', false)",
           "select set_config('work_mem', set_config('temp_buffers', '1MB', true), false)",
           "explain analyze select set_config('work_mem', '1MB', false)",
           "create temp table t1 (a int)",
           "create table pg_temp.t1 (a int)",
           "create local temporary view v as select 1",
           "create temp sequence s",
           "create temp table t1 (a int) on commit drop",
           "select 1 as a into temp t1",
           "select 1 as a into table pg_temp.t1",
           "select 1 as a into temp",
           "explain analyze create temp table t1 as select 1",
           "begin; declare c no scroll cursor with hold for select 1; commit",
           "begin; declare c cursor for select 1; commit",
           "select pg_advisory_lock(1)",
           "select pg_try_advisory_lock_shared(1, 2)",
           "select pg_advisory_xact_lock(1)",
           "listen \"News\"",
           "notify news",
           "prepare \"A b\" as select 1",
       }) {
    Session session = postgres().direct();
    const std::set<std::string> real = happened(session, text);
    std::set<std::string> ours = told(text);
    // A table of this name is not temporary, and may be told to be.
    if (std::string_view(text).ends_with("into temp")) {
      ours.erase("temporary");
      session.run("drop table temp");
    }
    EXPECT_EQ(ours, real) << text;
  }
}

TEST_F(ConformanceSql, AnUpdateOfPgSettingsSetsSomething) {
  const std::string text = "update pg_settings set setting = '1234' where name = 'work_mem'";
  EXPECT_EQ(happened(session_, text), (std::set<std::string>{"setting work_mem"}));
  EXPECT_EQ(told(text), (std::set<std::string>{"setting "}));
}

TEST_F(ConformanceSql, AStatementIsExecutedByItsName) {
  session_.run("prepare P (int) as select $1 as a");
  for (const char* text : {"execute p(1)", "EXECUTE \"p\" ((1))", "explain execute p(1)",
                           "explain (costs off) execute P(1)",
                           "create temp table t1 (b) with (fillfactor = 50) as execute p(1)",
                           "explain analyze verbose create temp table t2 as execute p(1)"}) {
    const Effects effects = all_effects(text).at(0);
    EXPECT_EQ(effects.command, SqlCommand::execute) << text;
    EXPECT_EQ(effects.name, "p") << text;
    // Another name in its place is another statement.
    std::string other = text;
    other.replace(static_cast<std::size_t>(effects.name_text.data() - text),
                  effects.name_text.size(), "q");
    EXPECT_EQ(session_.run(other).sqlstate, "26000") << other;
    EXPECT_TRUE(session_.run(text).ok()) << text;
  }
}

}  // namespace
}  // namespace pgweir::integration
