// What pgweir itself asks a real PostgreSQL, and what its servers begin with.
#include <gtest/gtest.h>

#include "tests/integration/environment.h"
#include "tests/integration/pooler.h"

namespace pgweir::integration {

namespace {

class OwnQuery : public IntegrationTest {
 protected:
  static PoolerConfig one_server(const std::string& of_database,
                                 const PoolerConfig::Entries& more = {}) {
    PoolerConfig config;
    config.settings = {{"default_pool_size", "1"}};
    config.settings.insert(config.settings.end(), more.begin(), more.end());
    config.databases = {{"appdb", host_of_postgres() + " " + of_database}};
    return config;
  }
};

TEST_F(OwnQuery, servers_begin_with_what_their_database_says) {
  Pooler pooler(one_server("timezone=Asia/Tokyo datestyle='German' client_encoding=LATIN1"));
  Session ann = pooler.session();
  EXPECT_STREQ(PQparameterStatus(ann.get(), "TimeZone"), "Asia/Tokyo");
  EXPECT_EQ(ann.value("SHOW timezone"), "Asia/Tokyo");
  EXPECT_EQ(ann.value("SHOW datestyle"), "German, DMY");
  EXPECT_EQ(ann.value("SHOW client_encoding"), "LATIN1");
  Session bob = pooler.session("app", "appdb", "options='-c timezone=UTC'");
  EXPECT_EQ(bob.value("SHOW timezone"), "UTC");
  EXPECT_EQ(ann.value("SHOW timezone"), "Asia/Tokyo");
  EXPECT_TRUE(ann.run("DISCARD ALL").ok());
  EXPECT_EQ(ann.value("SHOW timezone"), "Asia/Tokyo");
}

TEST_F(OwnQuery, connect_query_is_said_once_to_each_server) {
  Pooler pooler(one_server("connect_query='SET work_mem = 1234'"));
  Session ann = pooler.session();
  Session bob = pooler.session();
  EXPECT_EQ(ann.value("SHOW work_mem"), "1234kB");
  EXPECT_EQ(ann.value("SET work_mem = '2MB'"), "SET");
  EXPECT_EQ(bob.value("SELECT pg_backend_pid()"), ann.value("SELECT pg_backend_pid()"));
}

TEST_F(OwnQuery, a_connect_query_that_fails_is_told_to_the_log) {
  Pooler pooler(one_server("connect_query='SELECT 1/0'"));
  Session ann = pooler.session();
  EXPECT_EQ(ann.value("SELECT 6 * 7"), "42");
  EXPECT_TRUE(eventually([&] {
    return pooler.logged("connect_query failed: division by zero") == 1;
  })) << pooler.log();
}

TEST_F(OwnQuery, a_server_that_was_silent_is_checked) {
  Pooler pooler(
      one_server("", {{"server_check_delay", "0"}, {"server_check_query", "SELECT 'checked'"}}));
  Session ann = pooler.session();
  EXPECT_EQ(ann.value("SELECT 6 * 7"), "42");
  EXPECT_EQ(pooler.pool("sv_used"), "1");
  EXPECT_EQ(pooler.pool("sv_idle"), "0");
  EXPECT_EQ(ann.value("SELECT pg_backend_pid()"), ann.value("SELECT pg_backend_pid()"));
}

TEST_F(OwnQuery, an_empty_check_is_answered) {
  Pooler pooler(one_server("", {{"server_check_delay", "0"}}));
  Session ann = pooler.session();
  const std::string backend = ann.value("SELECT pg_backend_pid()");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ann.value("SELECT pg_backend_pid()"), backend);
}

TEST_F(OwnQuery, a_check_that_fails_costs_a_server_and_no_client) {
  Pooler pooler(
      one_server("", {{"server_check_delay", "0"}, {"server_check_query", "SELECT 1/0"}}));
  Session ann = pooler.session();
  const std::string backend = ann.value("SELECT pg_backend_pid()");
  EXPECT_NE(ann.value("SELECT pg_backend_pid()"), backend);
}

TEST_F(OwnQuery, a_reset_follows_every_transaction) {
  Pooler pooler(one_server("", {{"server_reset_query_always", "1"}}));
  Session ann = pooler.session();
  EXPECT_TRUE(ann.run("DO $$ BEGIN PERFORM set_config('work_mem', '1234kB', false); END $$").ok());
  Session bob = pooler.session();
  EXPECT_EQ(bob.value("SHOW work_mem"), "4MB");
}

// The database that "*" stands for: as PostgreSQL calls it, with the limits of its line.
TEST_F(OwnQuery, databases_by_the_asterisk_are_closed_when_nobody_uses_them) {
  PoolerConfig config;
  config.settings = {{"autodb_idle_timeout", "0.2"}, {"server_idle_timeout", "0"}};
  config.databases = {{"*", host_of_postgres() + " pool_size=1 timezone=Asia/Tokyo"}};
  Pooler pooler(config);
  {
    Session ann = pooler.session("app", "otherdb");
    EXPECT_EQ(ann.value("SELECT current_database()"), "otherdb");
    EXPECT_EQ(ann.value("SHOW timezone"), "Asia/Tokyo");
  }
  EXPECT_TRUE(eventually([&] { return pooler.logged("text=autodb_idle_timeout") == 1; }))
      << pooler.log();
  EXPECT_EQ(pooler.session("app", "otherdb").value("SELECT current_database()"), "otherdb");
}

}  // namespace

}  // namespace pgweir::integration
