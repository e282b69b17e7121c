// Settings that PostgreSQL reports are each client's own, though servers are shared.
#include <gtest/gtest.h>

#include "tests/integration/environment.h"
#include "tests/integration/pooler.h"
#include "tests/integration/raw_client.h"

namespace pgweir::integration {

namespace {

const PoolerConfig one_server{.settings = {{"default_pool_size", "1"}}};

class Parameters : public IntegrationTest {};

TEST_F(Parameters, of_the_startup_packet_reach_the_server) {
  Pooler pooler(one_server);
  Session session = pooler.session("app", "appdb", "application_name=river client_encoding=LATIN1");
  EXPECT_EQ(session.value("SHOW application_name"), "river");
  EXPECT_EQ(session.value("SHOW client_encoding"), "LATIN1");
  Session other = pooler.session();
  EXPECT_EQ(other.value("SHOW application_name"), "");
  EXPECT_EQ(other.value("SHOW client_encoding"), "UTF8");
}

TEST_F(Parameters, set_by_one_client_are_kept_for_it_and_hidden_from_others) {
  Pooler pooler(one_server);
  Session one = pooler.session();
  Session two = pooler.session();
  struct Case {
    const char* name;
    const char* ones;
    const char* twos;
  };
  for (const Case& each :
       {Case{"application_name", "weir", "mill"}, Case{"DateStyle", "SQL, DMY", "German, DMY"},
        Case{"TimeZone", "Asia/Tokyo", "America/Lima"},
        Case{"client_encoding", "LATIN1", "SQL_ASCII"},
        Case{"standard_conforming_strings", "off", "on"}}) {
    const std::string name = each.name;
    const std::string before = two.value("SHOW " + name);
    EXPECT_EQ(one.value("SET " + name + " = '" + each.ones + "'"), "SET");
    EXPECT_EQ(two.value("SHOW " + name), before) << name;
    EXPECT_EQ(two.value("SET " + name + " = '" + each.twos + "'"), "SET");
    EXPECT_EQ(one.value("SHOW " + name), each.ones);
    EXPECT_EQ(two.value("SHOW " + name), each.twos);
    EXPECT_EQ(one.run_extended("SELECT current_setting($1)", {name}).value(), each.ones);
  }
}

TEST_F(Parameters, set_in_a_transaction_that_fails_are_undone) {
  Pooler pooler(one_server);
  Session one = pooler.session();
  Session two = pooler.session();
  const std::string before = one.value("SHOW TimeZone");
  ASSERT_EQ(one.value("BEGIN; SET TimeZone = 'Asia/Tokyo'"), "SET");
  ASSERT_EQ(one.value("ROLLBACK"), "ROLLBACK");
  EXPECT_EQ(two.value("SHOW TimeZone"), before);
  EXPECT_EQ(one.value("SHOW TimeZone"), before);
}

// A value that would end a quoted string is a value, not SQL.
TEST_F(Parameters, with_quotes_are_only_values) {
  Pooler pooler({.settings = {{"default_pool_size", "1"}, {"auth_type", "trust"}}});
  RawClient client(pooler.port());
  const std::string hostile = "a'; CREATE TABLE owned (); --\\";
  ASSERT_TRUE(client.log_in("app", "appdb", {{"application_name", hostile}}));
  EXPECT_EQ(client.value("SHOW application_name"), hostile);
  EXPECT_EQ(client.value("SELECT to_regclass('owned') IS NULL"), "t");
}

TEST_F(Parameters, stay_with_their_client_through_a_loss_of_the_server) {
  Pooler pooler(one_server);
  Session session = pooler.session();
  ASSERT_EQ(session.value("SET TimeZone = 'Asia/Tokyo'"), "SET");
  const std::string server = session.value("SELECT pg_backend_pid()");
  ASSERT_EQ(postgres().direct().value("SELECT pg_terminate_backend(" + server + ", 10000)"), "t");
  ASSERT_TRUE(eventually([&] { return pooler.pool("sv_idle") == "0"; }));
  EXPECT_EQ(session.value("SHOW TimeZone"), "Asia/Tokyo");
}

TEST_F(Parameters, that_are_settings_are_each_clients_own) {
  Pooler pooler(one_server);
  Session one = pooler.session(
      "app", "appdb", "options='-c statement_timeout=12345 --search-path=one\\\\,\\\\ two'");
  Session two = pooler.session("app", "appdb", "options='-c work_mem=1234kB -c app.name=x'");
  Session three = pooler.session();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(one.value("SHOW statement_timeout"), "12345ms");
    EXPECT_EQ(one.value("SHOW search_path"), "one, two");
    EXPECT_EQ(two.value("SHOW statement_timeout"), "0");
    EXPECT_EQ(two.value("SHOW work_mem"), "1234kB");
    EXPECT_EQ(two.value("SHOW app.name"), "x");
    EXPECT_EQ(three.value("SHOW search_path"), "\"$user\", public");
    EXPECT_EQ(three.value("SHOW work_mem"), "4MB");
  }
  EXPECT_EQ(one.value("SELECT pg_backend_pid()"), two.value("SELECT pg_backend_pid()"));
}

TEST_F(Parameters, that_change_roles_are_taken_back) {
  ASSERT_TRUE(postgres().direct().run("CREATE ROLE crew; GRANT crew TO app").ok());
  {
    Pooler pooler(one_server);
    Session one = pooler.session("app", "appdb", "options='-c role=crew -c work_mem=1234kB'");
    Session two = pooler.session();
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(one.value("SELECT current_user"), "crew");
      EXPECT_EQ(one.value("SHOW work_mem"), "1234kB");
      EXPECT_EQ(two.value("SELECT current_user"), "app");
      EXPECT_EQ(two.value("SHOW work_mem"), "4MB");
    }
  }
  EXPECT_TRUE(postgres().direct().run("DROP ROLE crew").ok());
}

TEST_F(Parameters, that_postgresql_refuses_are_told_and_nothing_is_done) {
  Pooler pooler(one_server);
  Session good = pooler.session("app", "appdb", "options='-c work_mem=1234kB'");
  const std::string server = good.value("SELECT pg_backend_pid()");
  struct Case {
    const char* options;
    const char* sqlstate;
  };
  for (const Case& each :
       {Case{"-c work_mem=much", "22023"}, Case{"-c nonsense=1", "42704"},
        Case{"-c log_connections=on", "55P02"}, Case{"-c log_statement=all", "42501"},
        Case{"-c shared_buffers=1MB", "55P02"}}) {
    Session bad = pooler.session("app", "appdb", std::string("options='") + each.options + "'");
    const Answer answer = bad.run("CREATE TABLE done_for_nobody ()");
    EXPECT_EQ(answer.sqlstate, each.sqlstate) << each.options << ": " << answer.message;
    EXPECT_NE(answer.report.find("startup packet asked for"), std::string::npos) << answer.report;
    EXPECT_NE(answer.report.find("ignore_startup_parameters"), std::string::npos) << answer.report;
  }
  EXPECT_EQ(good.value("SELECT to_regclass('done_for_nobody') IS NULL"), "t");
  EXPECT_EQ(good.value("SHOW work_mem"), "1234kB");
  EXPECT_EQ(good.value("SELECT pg_backend_pid()"), server);
}

TEST_F(Parameters, of_read_only_transactions_follow_their_client) {
  Pooler pooler(one_server);
  Session one = pooler.session();
  Session two = pooler.session();
  EXPECT_EQ(one.value("SET default_transaction_read_only = on"), "SET");
  EXPECT_EQ(two.value("SHOW transaction_read_only"), "off");
  EXPECT_EQ(one.value("SHOW transaction_read_only"), "on");
}

}  // namespace

}  // namespace pgweir::integration
