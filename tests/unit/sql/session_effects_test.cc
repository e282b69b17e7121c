#include "core/sql/session_effects.h"

#include <gtest/gtest.h>

#include "core/sql/split.h"

namespace pgweir::sql {
namespace {

using Settings = std::vector<Setting>;

Effects effects(std::string_view statement) { return effects_of(statement, false); }
Command command(std::string_view statement) { return effects(statement).command; }
std::string name(std::string_view statement) { return effects(statement).name; }
Settings settings(std::string_view statement) { return effects(statement).settings; }
Settings session(const std::string& setting) { return {{setting, Scope::session}}; }
Settings local(const std::string& setting) { return {{setting, Scope::local}}; }

TEST(SessionEffects, OfAnEverydayQueryAreNone) {
  for (const char* statement :
       {"select 1", "SELECT a FROM b WHERE c = 'set_config('", "insert into temp values (1)",
        "update t set a = 1 where b = $1", "delete from t", "with a as (select 1) table a",
        "insert into pg_temp.t select 1", "copy t to stdout", "show all", "fetch 1 from c",
        "select set_config, pg_advisory_lock from t", "set constraints all deferred",
        "select pg_advisory_xact_lock(1), pg_try_advisory_xact_lock_shared(1)",
        "commit prepared 'a'", "rollback prepared 'a'", "vacuum", "explain select 1", ""}) {
    EXPECT_FALSE(effects(statement).any()) << statement;
  }
}

TEST(SessionEffects, PrepareNamesAStatementItsTypesAndItsDefinition) {
  const Effects plain = effects("PREPARE Plan AS SELECT 1");
  EXPECT_EQ(plain.command, Command::prepare);
  EXPECT_EQ(plain.name, "plan");
  EXPECT_EQ(plain.name_text, "Plan");
  EXPECT_EQ(plain.types, "");
  EXPECT_EQ(plain.definition, "SELECT 1");
  const Effects typed = effects("prepare \"A b\"(int, numeric(5,2) ) /* */ as insert into t (a) ");
  EXPECT_EQ(typed.name, "A b");
  EXPECT_EQ(typed.name_text, "\"A b\"");
  EXPECT_EQ(typed.types, "int, numeric(5,2) ");
  EXPECT_EQ(typed.definition, "insert into t (a) ");
}

TEST(SessionEffects, PrepareTransactionIsAnotherThing) {
  EXPECT_EQ(command("prepare transaction 'a'"), Command::prepare_transaction);
  EXPECT_EQ(command("prepare transaction as select 1"), Command::prepare);
  EXPECT_EQ(name("prepare transaction as select 1"), "transaction");
}

TEST(SessionEffects, ExecuteNamesAStatementAndGivesArguments) {
  EXPECT_EQ(name("execute P"), "p");
  EXPECT_EQ(effects("execute p").arguments, "");
  const Effects given = effects("EXECUTE U&\"!0061\" UESCAPE '!' ( 1, (2) )");
  EXPECT_EQ(given.command, Command::execute);
  EXPECT_EQ(given.name, "a");
  EXPECT_EQ(given.name_text, "U&\"!0061\" UESCAPE '!'");
  EXPECT_EQ(given.arguments, "( 1, (2) )");
}

TEST(SessionEffects, AStatementIsExecutedInsideOfOthersToo) {
  for (const char* statement :
       {"explain execute p(1)", "EXPLAIN ANALYZE VERBOSE EXECUTE p(1)",
        "explain (analyze, format json) execute p(1)", "create table t as execute p(1)",
        "create unlogged table if not exists t (a, b) with (fillfactor = 10) as execute p(1)",
        "explain analyze create table t as execute p(1)"}) {
    EXPECT_EQ(command(statement), Command::execute) << statement;
    EXPECT_EQ(name(statement), "p") << statement;
    EXPECT_EQ(effects(statement).arguments, "(1)") << statement;
  }
  EXPECT_EQ(command("create table t as select 1 as execute"), Command::other);
  EXPECT_EQ(command("create table t (a int generated always as (b) stored)"), Command::other);
  EXPECT_TRUE(effects("create temp table t as execute p").temporary);
}

TEST(SessionEffects, DeallocateNamesOneOrAll) {
  EXPECT_EQ(name("deallocate p"), "p");
  EXPECT_EQ(name("DEALLOCATE PREPARE \"P\""), "P");
  EXPECT_EQ(name("deallocate prepare"), "prepare");
  EXPECT_EQ(name("deallocate \"all\""), "all");
  EXPECT_FALSE(effects("deallocate \"all\"").all);
  EXPECT_TRUE(effects("deallocate ALL").all);
  EXPECT_TRUE(effects("deallocate prepare all").all);
}

TEST(SessionEffects, DiscardSaysWhat) {
  EXPECT_EQ(command("discard all"), Command::discard);
  EXPECT_EQ(effects("discard all").discards, Discard::all);
  EXPECT_EQ(effects("discard plans").discards, Discard::plans);
  EXPECT_EQ(effects("discard sequences").discards, Discard::sequences);
  EXPECT_EQ(effects("discard temp").discards, Discard::temporary);
  EXPECT_EQ(effects("DISCARD TEMPORARY").discards, Discard::temporary);
}

TEST(SessionEffects, SetIsForTheSessionUnlessItIsLocal) {
  EXPECT_EQ(command("set a = 1"), Command::set);
  EXPECT_EQ(settings("SET Search_Path TO a, b"), session("search_path"));
  EXPECT_EQ(settings("set session \"DateStyle\" to default"), session("datestyle"));
  EXPECT_EQ(settings("set local a=-1"), local("a"));
  EXPECT_EQ(settings("set my.\"App\".user from current"), session("my.app.user"));
}

TEST(SessionEffects, SomeSettingsAreSetInWordsOfTheirOwn) {
  EXPECT_EQ(settings("set time zone 'UTC'"), session("timezone"));
  EXPECT_EQ(settings("set local time zone interval '1' hour"), local("timezone"));
  EXPECT_EQ(settings("set names 'utf8'"), session("client_encoding"));
  EXPECT_EQ(settings("set names"), session("client_encoding"));
  EXPECT_EQ(settings("set schema 'a'"), session("search_path"));
  EXPECT_EQ(settings("set role none"), session("role"));
  EXPECT_EQ(settings("set local role a"), local("role"));
  EXPECT_EQ(settings("set xml option document"), session("xmloption"));
  EXPECT_EQ(settings("set session authorization a"), session("session_authorization"));
  EXPECT_EQ(settings("set session session authorization a"), session("session_authorization"));
  EXPECT_EQ(settings("set local session authorization default"), local("session_authorization"));
}

TEST(SessionEffects, TheModesOfTransactionsAreSettings) {
  EXPECT_EQ(settings("set session characteristics as transaction isolation level read committed, "
                     "read only, not deferrable"),
            (Settings{{"default_transaction_isolation", Scope::session},
                      {"default_transaction_read_only", Scope::session},
                      {"default_transaction_deferrable", Scope::session}}));
  EXPECT_EQ(settings("set session characteristics as transaction read write"),
            session("default_transaction_read_only"));
  EXPECT_EQ(settings("set transaction isolation level read uncommitted"),
            local("transaction_isolation"));
  EXPECT_EQ(settings("set transaction snapshot 'a'"), Settings{});
  EXPECT_EQ(command("set transaction snapshot 'a'"), Command::set);
}

TEST(SessionEffects, TheWordsOfSetMayBeNamesOfSettings) {
  EXPECT_EQ(settings("set session = 1"), session("session"));
  EXPECT_EQ(settings("set local.a = 1"), session("local.a"));
  EXPECT_EQ(settings("set local local.a to 1"), local("local.a"));
  EXPECT_EQ(settings("set role to a"), session("role"));
  EXPECT_EQ(settings("set time.zone = 1"), session("time.zone"));
  EXPECT_EQ(settings("set session characteristics.a = 1"), session("characteristics.a"));
  EXPECT_EQ(settings("set constraints.a = 1"), session("constraints.a"));
  EXPECT_EQ(settings("set something new"), session(""));
}

TEST(SessionEffects, ResetNamesOneOrAll) {
  EXPECT_EQ(command("reset a"), Command::reset);
  EXPECT_EQ(settings("RESET My.A"), session("my.a"));
  EXPECT_EQ(settings("reset session authorization"), session("session_authorization"));
  EXPECT_EQ(settings("reset time zone"), session("timezone"));
  EXPECT_EQ(settings("reset transaction isolation level"), session("transaction_isolation"));
  EXPECT_TRUE(effects("reset all").all);
  EXPECT_EQ(settings("reset all"), Settings{});
}

TEST(SessionEffects, SetConfigIsFoundWhereverItIsCalled) {
  EXPECT_EQ(settings("select set_config('Search_Path', '', false)"), session("search_path"));
  EXPECT_EQ(settings("select * from pg_catalog . \"set_config\" ('a', 'b', 'f')"), session("a"));
  EXPECT_EQ(settings("with a as (select U&\"set!005fconfig\" uescape '!' ('a','b',true)) table a"),
            local("a"));
  EXPECT_EQ(settings("select set_config('a', f('b', (true)), TRUE /* yes */ )"), local("a"));
  EXPECT_EQ(settings("select set_config('a', 'b', not true)"), session("a"));
  EXPECT_EQ(settings("select set_config('a', 'b', is_local => true)"), session("a"));
  EXPECT_EQ(settings("select set_config('a', 'b', \"true\")"), session("a"));
  EXPECT_EQ(settings("copy (select set_config('a', 'b', $1)) to stdout"), session("a"));
}

TEST(SessionEffects, SetConfigOfWhatTheTextDoesNotTell) {
  for (const char* name : {"$1", "E'a'", "'a''b'", "'a' || 'b'", "lower('a')", "'a'\n'b'"}) {
    EXPECT_EQ(settings("select set_config(" + std::string(name) + ", 'b', true)"), local(""))
        << name;
  }
}

TEST(SessionEffects, EachCallOfSetConfigHasItsOwnScope) {
  EXPECT_EQ(settings("select set_config('a', set_config('b', 'c', true), false), "
                     "set_config('d', 'e', true)"),
            (Settings{{"a", Scope::session}, {"b", Scope::local}, {"d", Scope::local}}));
}

TEST(SessionEffects, AreToldOfSoManySettingsAndNoMore) {
  std::string calls = "select 1";
  for (std::size_t i = 0; i < 2 * settings_max; ++i) calls += ", set_config('a', 'b', true)";
  const Settings told = settings(calls);
  EXPECT_EQ(told.size(), settings_max);
  EXPECT_EQ(told.front(), local("a").front());
  EXPECT_EQ(told.back(), session("").front());
  std::string nested;
  for (int i = 0; i < 20; ++i) nested += "set_config('a', ";
  EXPECT_EQ(settings("select " + nested + "'b', true)").size(), 20u);
}

TEST(SessionEffects, AnUpdateOfPgSettingsSetsSomething) {
  EXPECT_EQ(settings("update pg_settings set setting = 'a' where name = 'b'"), session(""));
  EXPECT_EQ(settings("with a as (UPDATE ONLY pg_catalog.PG_SETTINGS s set setting = 'a') select"),
            session(""));
  EXPECT_EQ(settings("select * from pg_settings for update"), Settings{});
  EXPECT_EQ(settings("select \"update\" pg_settings from t"), Settings{});
}

TEST(SessionEffects, TransactionsBeginAndEndInManyWords) {
  for (const char* statement :
       {"begin", "BEGIN WORK", "begin isolation level serializable", "start transaction read only"})
    EXPECT_EQ(command(statement), Command::begin) << statement;
  for (const char* statement : {"commit", "COMMIT AND CHAIN", "end", "end transaction"})
    EXPECT_EQ(command(statement), Command::commit) << statement;
  for (const char* statement : {"rollback", "abort", "ROLLBACK WORK AND NO CHAIN"})
    EXPECT_EQ(command(statement), Command::rollback) << statement;
}

TEST(SessionEffects, SavepointsHaveNames) {
  EXPECT_EQ(command("savepoint A"), Command::savepoint);
  EXPECT_EQ(name("savepoint A"), "a");
  EXPECT_EQ(command("release a"), Command::release_savepoint);
  EXPECT_EQ(name("release savepoint a"), "a");
  EXPECT_EQ(name("release savepoint"), "savepoint");
  for (const char* statement : {"rollback to a", "rollback to savepoint a", "abort work to a",
                                "rollback transaction to savepoint a"}) {
    EXPECT_EQ(command(statement), Command::rollback_to_savepoint) << statement;
    EXPECT_EQ(name(statement), "a") << statement;
  }
}

TEST(SessionEffects, ChannelsAreListenedTo) {
  EXPECT_EQ(command("listen News"), Command::listen);
  EXPECT_EQ(name("listen News"), "news");
  EXPECT_EQ(command("unlisten news"), Command::unlisten);
  EXPECT_EQ(name("unlisten \"News\""), "News");
  EXPECT_TRUE(effects("unlisten *").all);
  EXPECT_EQ(command("notify news, 'a'"), Command::notify);
  EXPECT_EQ(name("notify news, 'a'"), "news");
}

TEST(SessionEffects, TemporaryThingsAreMadeInManyWords) {
  for (const char* statement :
       {"create temp table t (a int)", "CREATE LOCAL TEMPORARY TABLE t ()",
        "create global temp table t as select 1", "create or replace temp view v as select 1",
        "create temp recursive view v(a) as select 1", "create temporary sequence s",
        "create table if not exists pg_temp.t ()", "create view \"pg_temp\" . v as select 1",
        "create function pg_temp.f() returns int as '' language sql",
        "create table pg_temp_3.t (a int)", "select 1 into temp t", "select 1 into table pg_temp.t",
        "select a INTO LOCAL TEMPORARY TABLE t from b", "select 1 into pg_temp.t",
        "explain analyze select 1 into temp t", "explain analyze create temp table t as select 1",
        "create temp table t (a int) on commit delete rows"}) {
    EXPECT_TRUE(effects(statement).temporary) << statement;
  }
  for (const char* statement :
       {"create temp table t (a int) on commit drop", "create table temp (a int)",
        "select 1 into t", "select 1 into pg_temp", "create view v as select temp from t",
        "drop table pg_temp.t", "merge into temp using a on true when matched then do nothing"}) {
    EXPECT_FALSE(effects(statement).temporary) << statement;
  }
}

TEST(SessionEffects, ACursorMayOutliveItsTransaction) {
  EXPECT_EQ(name("declare C cursor for select 1"), "c");
  EXPECT_FALSE(effects("declare c cursor for select 1").with_hold);
  EXPECT_FALSE(effects("declare c cursor without hold for select 1").with_hold);
  EXPECT_TRUE(effects("declare c cursor with hold for select 1").with_hold);
  EXPECT_TRUE(
      effects("DECLARE c BINARY INSENSITIVE NO SCROLL CURSOR WITH HOLD FOR table t").with_hold);
  EXPECT_EQ(name("declare cursor cursor with hold for select 1"), "cursor");
  EXPECT_TRUE(effects("declare cursor cursor with hold for select 1").with_hold);
  EXPECT_EQ(name("close C"), "c");
  EXPECT_TRUE(effects("close all").all);
}

TEST(SessionEffects, LocksOfTheSessionAreTakenAndGivenBack) {
  for (const char* call : {"pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock",
                           "PG_CATALOG.pg_try_advisory_lock_shared "}) {
    const Effects found = effects("select " + std::string(call) + "(1, 2)");
    EXPECT_TRUE(found.locks && !found.unlocks) << call;
  }
  for (const char* call :
       {"pg_advisory_unlock", "pg_advisory_unlock_shared", "pg_advisory_unlock_all"}) {
    const Effects found = effects("select " + std::string(call) + "()");
    EXPECT_TRUE(found.unlocks && !found.locks) << call;
  }
}

TEST(SessionEffects, ThatAllLocksAreGivenBackIsBelievedOfThatCallAlone) {
  for (const char* statement :
       {"select pg_advisory_unlock_all()", "/* a */ SELECT pg_catalog.pg_advisory_unlock_all ( )"})
    EXPECT_TRUE(effects(statement).unlocks_all) << statement;
  for (const char* statement :
       {"select pg_advisory_unlock_all(), pg_advisory_lock(7)",
        "explain select pg_advisory_unlock_all()", "select pg_advisory_unlock_all() where false",
        "prepare u as select pg_advisory_unlock_all()", "select mine.pg_advisory_unlock_all()",
        "select pg_advisory_unlock_all"})
    EXPECT_FALSE(effects(statement).unlocks_all) << statement;
}

TEST(SessionEffects, OfWhatCannotBeSeenAreToldAsThat) {
  EXPECT_EQ(command("do $$ begin end $$"), Command::opaque);
  EXPECT_EQ(command("call p()"), Command::opaque);
  EXPECT_EQ(command("load 'auto_explain'"), Command::load);
}

TEST(SessionEffects, DefinitionsAreTold) {
  for (const char* statement : {"create table t ()", "ALTER TABLE t ADD a int", "drop view v",
                                "import foreign schema a from server b into c"})
    EXPECT_TRUE(effects(statement).definition_language) << statement;
}

}  // namespace
}  // namespace pgweir::sql
