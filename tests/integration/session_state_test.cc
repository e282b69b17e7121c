// What clients leave in the sessions of a real PostgreSQL.
#include <gtest/gtest.h>

#include "tests/integration/environment.h"
#include "tests/integration/pooler.h"

namespace pgweir::integration {

namespace {

class SessionState : public IntegrationTest {
 protected:
  static PoolerConfig one_server(const std::string& policy) {
    return {.settings = {{"default_pool_size", "1"}, {"session_state", policy}}};
  }
};

TEST_F(SessionState, reset_leaves_nothing_to_the_next) {
  Pooler pooler(one_server("reset"));
  Session ann = pooler.session();
  Session bob = pooler.session();
  EXPECT_EQ(ann.value("SELECT set_config('work_mem', '1234' || 'kB', false)"), "1234kB");
  EXPECT_EQ(bob.value("SHOW work_mem"), "4MB");
  EXPECT_EQ(ann.value("SHOW work_mem"), "4MB");
  EXPECT_EQ(ann.value("CREATE TEMPORARY TABLE own AS SELECT 1 AS n"), "SELECT 1");
  EXPECT_EQ(bob.run("SELECT n FROM own").sqlstate, "42P01");
  EXPECT_EQ(ann.value("SELECT pg_advisory_lock(7)"), "");
  EXPECT_EQ(bob.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), "0");
}

TEST_F(SessionState, pin_keeps_a_server_until_the_state_is_gone) {
  Pooler pooler({.settings = {{"default_pool_size", "2"}}});
  Session ann = pooler.session();
  Session bob = pooler.session();
  EXPECT_EQ(ann.value("SELECT set_config('work_mem', '1234' || 'kB', false)"), "1234kB");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(bob.value("SHOW work_mem"), "4MB");
  EXPECT_EQ(ann.value("SHOW work_mem"), "1234kB");
  EXPECT_EQ(pooler.pool("sv_pinned"), "1");
  std::string causes;
  const Answer servers = pooler.console().run("SHOW SERVERS");
  for (std::size_t row = 0; row < servers.rows.size(); ++row)
    causes += servers.at(row, "pinned_by");
  EXPECT_EQ(causes, "SET work_mem");
  EXPECT_EQ(ann.value("RESET work_mem"), "RESET");
  EXPECT_EQ(pooler.pool("sv_pinned"), "0");
}

// What stands at PostgreSQL for a request that is refused fails, whatever names a client makes.
TEST_F(SessionState, no_name_of_a_clients_is_that_of_what_is_refused) {
  Pooler pooler(one_server("pin"));
  Session ann = pooler.session();
  EXPECT_EQ(ann.value("PREPARE \"pgweir refused Bx\" AS SELECT 1"), "PREPARE");
  for (int i = 0; i < 2; ++i) {
    PGresult* result = PQexecPrepared(ann.get(), "x", 0, nullptr, nullptr, nullptr, 0);
    EXPECT_STREQ(PQresultErrorField(result, PG_DIAG_SQLSTATE), "26000");
    PQclear(result);
    EXPECT_EQ(ann.value("SELECT 6 * 7"), "42");
  }
}

TEST_F(SessionState, error_refuses_in_its_place) {
  Pooler pooler(one_server("error"));
  Session ann = pooler.session();
  const Answer answer = ann.run("LISTEN jobs");
  EXPECT_EQ(answer.sqlstate, "0A000");
  EXPECT_NE(answer.message.find("LISTEN jobs is refused"), std::string::npos) << answer.message;
  EXPECT_EQ(ann.run_extended("LISTEN jobs", {}).sqlstate, "0A000");
  EXPECT_EQ(ann.value("SELECT 6 * 7"), "42");
  EXPECT_EQ(ann.value("SELECT count(*) FROM pg_listening_channels()"), "0");
}

TEST_F(SessionState, what_the_startup_packet_asked_for_is_there_after_a_reset) {
  for (const std::string policy : {"reset", "pin"}) {
    Pooler pooler(one_server(policy));
    Session ann = pooler.session("app", "appdb", "options='-c work_mem=1234kB -c geqo=off'");
    Session bob = pooler.session();
    for (const std::string taken_back : {"RESET work_mem", "RESET ALL", "DISCARD ALL"}) {
      EXPECT_EQ(ann.value("SELECT pg_backend_pid()"), bob.value("SELECT pg_backend_pid()"));
      EXPECT_TRUE(ann.run("SET work_mem = '2MB'").ok());
      EXPECT_EQ(ann.value("SHOW work_mem"), "2MB");
      EXPECT_TRUE(ann.run(taken_back).ok());
      EXPECT_EQ(ann.value("SHOW work_mem"), "1234kB") << policy << ", " << taken_back;
      EXPECT_EQ(ann.value("SHOW geqo"), "off") << policy << ", " << taken_back;
      EXPECT_EQ(bob.value("SHOW work_mem"), "4MB") << policy << ", " << taken_back;
      EXPECT_EQ(bob.value("SHOW geqo"), "on") << policy << ", " << taken_back;
    }
  }
}

TEST_F(SessionState, a_pinned_client_has_what_it_asked_for_again_too) {
  Pooler pooler({.settings = {{"default_pool_size", "2"}}});
  Session ann = pooler.session("app", "appdb", "options='-c work_mem=1234kB'");
  EXPECT_TRUE(ann.run("LISTEN jobs").ok());
  EXPECT_TRUE(ann.run("RESET ALL").ok());
  EXPECT_EQ(ann.value("SHOW work_mem"), "1234kB");
  EXPECT_TRUE(ann.run("BEGIN; RESET work_mem; SET work_mem = '3MB'; COMMIT").ok());
  EXPECT_EQ(ann.value("SHOW work_mem"), "3MB");
  EXPECT_EQ(pooler.pool("sv_pinned"), "1");
}

// Laravel, and whoever sets a time-out when connecting.
TEST_F(SessionState, a_set_follows_its_client_and_keeps_no_server) {
  for (const std::string policy : {"pin", "reset", "error"}) {
    SCOPED_TRACE(policy);
    Pooler pooler(one_server(policy));
    Session ann = pooler.session();
    Session bob = pooler.session();
    EXPECT_EQ(ann.value("set search_path to \"public\""), "SET");
    EXPECT_EQ(ann.value("SET statement_timeout = 12345"), "SET");
    EXPECT_TRUE(bob.run("BEGIN; SET search_path TO 'a b', \"C\"; COMMIT").ok());
    EXPECT_TRUE(bob.run_extended("SET SESSION statement_timeout TO '1min'", {}).ok());
    EXPECT_EQ(ann.value("SELECT pg_backend_pid()"), bob.value("SELECT pg_backend_pid()"));
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(ann.value("SHOW search_path"), "public");
      EXPECT_EQ(ann.value("SHOW statement_timeout"), "12345ms");
      EXPECT_EQ(bob.value("SHOW search_path"), "\"a b\", \"C\"");
      EXPECT_EQ(bob.value("SHOW statement_timeout"), "1min");
    }
    EXPECT_EQ(pooler.pool("sv_pinned"), "0");
    EXPECT_EQ(ann.value("SET search_path TO DEFAULT"), "SET");
    EXPECT_EQ(bob.value("RESET ALL"), "RESET");
    EXPECT_EQ(ann.value("SHOW search_path"), "\"$user\", public");
    EXPECT_EQ(ann.value("SHOW statement_timeout"), "12345ms");
    EXPECT_EQ(bob.value("SHOW statement_timeout"), "0");
    Session cid = pooler.session();
    EXPECT_EQ(cid.value("SHOW statement_timeout"), "0");
  }
}

TEST_F(SessionState, a_set_that_is_rolled_back_does_not_follow) {
  Pooler pooler(one_server("reset"));
  Session ann = pooler.session();
  Session bob = pooler.session();
  EXPECT_EQ(ann.value("SET work_mem = '1234kB'"), "SET");
  EXPECT_TRUE(ann.run("BEGIN; SET work_mem = '2MB'; ROLLBACK").ok());
  EXPECT_EQ(bob.value("SHOW work_mem"), "4MB");
  EXPECT_EQ(ann.value("SHOW work_mem"), "1234kB");
}

}  // namespace

}  // namespace pgweir::integration
