// What one server says of its PostgreSQL counts for the others that are there.
#include <gtest/gtest.h>

#include <csignal>

#include "tests/integration/environment.h"
#include "tests/integration/pooler.h"

namespace pgweir::integration {

namespace {

// Each check leaves a row. Nothing but a mark leads to one.
const PoolerConfig two_servers{.settings = {{"default_pool_size", "2"},
                                            {"server_check_query", "INSERT INTO checks VALUES (1)"},
                                            {"server_check_delay", "3600"}}};

class MarkedHost : public IntegrationTest {
 protected:
  void SetUp() override {
    IntegrationTest::SetUp();
    Session direct = postgres().direct();
    direct.run("DROP TABLE IF EXISTS checks");
    ASSERT_EQ(direct.value("CREATE TABLE checks (n int); GRANT ALL ON checks TO PUBLIC"), "GRANT");
  }

  static std::string checks() { return postgres().direct().value("SELECT count(*) FROM checks"); }
};

TEST_F(MarkedHost, the_other_server_is_checked_when_one_is_terminated) {
  Pooler pooler(two_servers);
  Session one = pooler.session();
  Session two = pooler.session();
  ASSERT_EQ(one.value("BEGIN"), "BEGIN");
  ASSERT_EQ(two.value("BEGIN"), "BEGIN");
  const std::string pid = one.value("SELECT pg_backend_pid()");
  ASSERT_EQ(one.value("COMMIT"), "COMMIT");
  ASSERT_EQ(two.value("COMMIT"), "COMMIT");
  ASSERT_EQ(postgres().direct().value("SELECT pg_terminate_backend(" + pid + ", 10000)"), "t");
  ASSERT_TRUE(eventually([&] { return pooler.logged("said 57P01 (admin_shutdown)") == 1; }));
  EXPECT_EQ(checks(), "0");
  EXPECT_EQ(two.value("SELECT 6 * 7"), "42");
  EXPECT_EQ(checks(), "1");
  EXPECT_EQ(two.value("SELECT 6 * 7"), "42");
  EXPECT_EQ(checks(), "1") << "it has answered";
}

// All others are told so by a warning, and PostgreSQL begins anew.
TEST_F(MarkedHost, idle_clients_do_not_notice_that_another_session_crashes) {
  Pooler pooler(two_servers);
  Session one = pooler.session();
  Session two = pooler.session();
  ASSERT_EQ(one.value("BEGIN"), "BEGIN");
  ASSERT_EQ(two.value("SELECT 6 * 7"), "42");
  ASSERT_EQ(kill(std::stoi(one.value("SELECT pg_backend_pid()")), SIGKILL), 0);
  EXPECT_TRUE(eventually([&] { return pooler.logged("said 57P02 (crash_shutdown)") == 1; }));
  EXPECT_FALSE(one.run("SELECT 1").ok());
  EXPECT_EQ(two.value("SELECT 6 * 7"), "42") << "it waits until PostgreSQL is back";
}

TEST_F(MarkedHost, a_standby_that_refuses_a_write_is_left_once_in_a_while) {
  const std::string folder = environment().new_folder("marked_standby");
  Postgres standby(folder);
  standby.direct().run("CREATE TABLE kept (n int); GRANT ALL ON kept TO PUBLIC");
  write_file(folder + "/data/postgresql.auto.conf", "wal_level = replica\n");
  standby.stop();
  standby.start();
  standby.stop();
  write_file(folder + "/data/standby.signal", "");
  standby.start();
  Pooler pooler(
      {.settings = {{"default_pool_size", "1"}},
       .databases = {{"appdb", "host=127.0.0.1 port=" + std::to_string(standby.port())}}});
  Session session = pooler.session();
  const std::string first = session.value("SELECT pg_backend_pid()");
  EXPECT_EQ(session.run("BEGIN READ ONLY; INSERT INTO kept VALUES (1)").sqlstate, "25006");
  EXPECT_EQ(session.value("ROLLBACK"), "ROLLBACK");
  const std::string second = session.value("SELECT pg_backend_pid()");
  EXPECT_NE(first, second);
  EXPECT_EQ(session.run("INSERT INTO kept VALUES (1)").sqlstate, "25006");
  EXPECT_EQ(session.value("SELECT pg_backend_pid()"), second) << "server_login_retry is not over";
  EXPECT_EQ(pooler.logged("said 25006 (read_only_sql_transaction)"), 1);
}

TEST_F(MarkedHost, a_read_only_transaction_at_a_primary_says_nothing_of_it) {
  Pooler pooler(two_servers);
  Session session = pooler.session();
  const std::string pid = session.value("SELECT pg_backend_pid()");
  EXPECT_EQ(session.run("BEGIN READ ONLY; INSERT INTO checks VALUES (1)").sqlstate, "25006");
  EXPECT_EQ(session.value("ROLLBACK"), "ROLLBACK");
  EXPECT_EQ(session.value("SELECT pg_backend_pid()"), pid);
  EXPECT_EQ(checks(), "0");
  EXPECT_EQ(pooler.logged("host_marked"), 0);
}

}  // namespace

}  // namespace pgweir::integration
