// pool_mode session and statement with a real PostgreSQL.
#include <gtest/gtest.h>

#include "tests/integration/environment.h"
#include "tests/integration/pooler.h"

namespace pgweir::integration {

namespace {

class PoolMode : public IntegrationTest {
 protected:
  static PoolerConfig one_server(const std::string& mode) {
    return {.settings = {{"default_pool_size", "1"}, {"pool_mode", mode}}};
  }
  static bool prepare(const Session& session, const std::string& name, const std::string& sql) {
    PGresult* const result = PQprepare(session.get(), name.c_str(), sql.c_str(), 0, nullptr);
    const bool ok = answer_of(result).ok();
    PQclear(result);
    return ok;
  }
  static std::string run_prepared(const Session& session, const std::string& name) {
    PGresult* const result =
        PQexecPrepared(session.get(), name.c_str(), 0, nullptr, nullptr, nullptr, 0);
    const std::string value = answer_of(result).value();
    PQclear(result);
    return value;
  }
  static std::string shown(Session& console, const std::string& what, const std::string& name) {
    const Answer answer = console.run("SHOW " + what);
    for (std::size_t row = 0; row < answer.rows.size(); ++row) {
      if (answer.at(row, "name") == name) return answer.at(row, "pool_mode");
    }
    return "no such row";
  }
};

TEST_F(PoolMode, a_session_is_as_at_postgresql_itself) {
  Pooler pooler({.settings = {{"default_pool_size", "2"},
                              {"pool_mode", "session"},
                              {"session_state", "error"},
                              {"max_prepared_statements", "0"}}});
  Session ann = pooler.session();
  Session bob = pooler.session();
  const std::string backend = ann.value("SELECT pg_backend_pid()");
  EXPECT_EQ(ann.value("CREATE TEMPORARY TABLE own AS SELECT 1 AS n"), "SELECT 1");
  EXPECT_EQ(ann.value("SELECT set_config('work_mem', '1234' || 'kB', false)"), "1234kB");
  EXPECT_EQ(ann.value("SELECT pg_advisory_lock(7)"), "");
  EXPECT_TRUE(ann.run("LISTEN jobs").ok());
  EXPECT_TRUE(ann.run("PREPARE p AS SELECT 6 * 7").ok());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(bob.value("SHOW work_mem"), "4MB");
    EXPECT_EQ(ann.value("SHOW work_mem"), "1234kB");
    EXPECT_EQ(ann.value("SELECT n FROM own"), "1");
    EXPECT_EQ(ann.value("EXECUTE p"), "42");
    EXPECT_EQ(ann.value("SELECT pg_backend_pid()"), backend);
  }
  EXPECT_EQ(pooler.pool("pool_mode"), "session");
  EXPECT_EQ(pooler.pool("sv_active"), "2");
  EXPECT_EQ(pooler.pool("sv_pinned"), "0");
}

TEST_F(PoolMode, statements_of_a_session_are_known_to_sql) {
  Pooler pooler(one_server("session"));
  Session ann = pooler.session();
  EXPECT_TRUE(prepare(ann, "mine", "SELECT 'mine'"));
  EXPECT_EQ(run_prepared(ann, "mine"), "mine");
  EXPECT_EQ(ann.value("EXECUTE mine"), "mine");
  EXPECT_EQ(ann.value("SELECT name FROM pg_prepared_statements"), "mine");
  EXPECT_TRUE(ann.run("PREPARE other AS SELECT 'other'").ok());
  EXPECT_EQ(run_prepared(ann, "other"), "other");
}

TEST_F(PoolMode, the_next_session_finds_nothing_of_the_last) {
  Pooler pooler(one_server("session"));
  std::string backend;
  {
    Session ann = pooler.session();
    backend = ann.value("SELECT pg_backend_pid()");
    EXPECT_TRUE(prepare(ann, "mine", "SELECT 'ann'"));
    EXPECT_TRUE(
        ann.run("DO $$ BEGIN PERFORM set_config('work_mem', '1234kB', false); END $$").ok());
    EXPECT_EQ(ann.value("SELECT pg_advisory_lock(7)"), "");
  }
  Session bob = pooler.session();
  EXPECT_EQ(bob.value("SELECT pg_backend_pid()"), backend);
  EXPECT_TRUE(prepare(bob, "mine", "SELECT 'bob'"));
  EXPECT_EQ(bob.value("SHOW work_mem"), "4MB");
  EXPECT_EQ(bob.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), "0");
}

TEST_F(PoolMode, a_transaction_block_is_refused_in_statement_mode) {
  Pooler pooler(one_server("statement"));
  Session ann = pooler.session();
  EXPECT_EQ(ann.value("SELECT 6 * 7"), "42");
  EXPECT_TRUE(ann.run("BEGIN; SELECT 1; COMMIT").ok());
  const Answer answer = ann.run("BEGIN");
  EXPECT_EQ(answer.sqlstate, "08P01");
  EXPECT_NE(answer.message.find("transaction blocks not allowed in statement pooling mode"),
            std::string::npos)
      << answer.message;
  Session bob = pooler.session();
  EXPECT_EQ(bob.value("SELECT 6 * 7"), "42");
  EXPECT_EQ(pooler.pool("pool_mode"), "statement");
}

TEST_F(PoolMode, of_a_user_counts_before_its_databases) {
  PoolerConfig config = one_server("statement");
  config.databases = {{"appdb", host_of_postgres() + " pool_mode=session"}};
  config.users = {{"app", "pool_mode=transaction"}};
  Pooler pooler(config);
  Session app = pooler.session();
  Session other = pooler.session("other");
  EXPECT_EQ(app.value("SELECT 1"), "1");
  EXPECT_EQ(other.value("SELECT 1"), "1");
  EXPECT_EQ(pooler.pool("sv_idle"), "1");
  EXPECT_EQ(pooler.pool("sv_active", "other"), "1");
  EXPECT_EQ(pooler.pool("pool_mode"), "transaction");
  EXPECT_EQ(pooler.pool("pool_mode", "other"), "session");
  Session console = pooler.console();
  EXPECT_EQ(shown(console, "DATABASES", "appdb"), "session");
  EXPECT_EQ(shown(console, "USERS", "app"), "transaction");
}

}  // namespace

}  // namespace pgweir::integration
