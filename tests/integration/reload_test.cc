// New settings while clients work: all of a file or nothing of it.
#include <gtest/gtest.h>

#include "tests/integration/environment.h"
#include "tests/integration/pooler.h"

namespace pgweir::integration {

namespace {

class Reload : public IntegrationTest {
 protected:
  static PoolerConfig with_pool_size(const std::string& size) {
    return {.settings = {{"default_pool_size", size}}};
  }

  static std::string config_value(const Pooler& pooler, const std::string& key) {
    const Answer config = pooler.console().run("SHOW CONFIG");
    for (std::size_t row = 0; row < config.rows.size(); ++row) {
      if (config.at(row, "key") == key) return config.at(row, "value");
    }
    return "no such key";
  }
};

TEST_F(Reload, under_load_no_transaction_fails) {
  Pooler pooler;
  const Outcome made = run(
      {.arguments = {postgres().program("pgbench"), "-i", "-q", "-n", postgres().conninfo("app")}});
  ASSERT_EQ(made.status, 0) << made.output;
  const std::string output = pooler.folder() + "/pgbench";
  Process pgbench({.arguments = {postgres().program("pgbench"), "-n", "-N", "-M", "extended", "-c",
                                 "20", "-j", "2", "-T", "4", pooler.conninfo()},
                   .output = output});
  int reloads = 0;
  for (; !pgbench.exit_status(); ++reloads) {
    pooler.write(with_pool_size(reloads % 2 ? "5" : "2"));
    if (reloads % 3 == 0) {
      pooler.process().signal(SIGHUP);
    } else {
      EXPECT_EQ(pooler.console().value("RELOAD"), "RELOAD");
    }
  }
  EXPECT_EQ(pgbench.wait(), 0) << read_file(output);
  EXPECT_NE(read_file(output).find("number of failed transactions: 0 "), std::string::npos)
      << read_file(output);
  EXPECT_GT(reloads, 5);
}

TEST_F(Reload, a_larger_pool_serves_who_waits) {
  Pooler pooler(with_pool_size("1"));
  Session holder = pooler.session();
  Session waiter = pooler.session();
  ASSERT_EQ(holder.value("BEGIN"), "BEGIN");
  waiter.send("SELECT 6 * 7");
  ASSERT_TRUE(pooler.waits_for_clients_waiting(1));
  pooler.write(with_pool_size("2"));
  EXPECT_EQ(pooler.console().value("RELOAD"), "RELOAD");
  EXPECT_EQ(waiter.outcome().value(), "42");
  EXPECT_EQ(holder.value("COMMIT"), "COMMIT");
}

TEST_F(Reload, sighup_does_the_same) {
  Pooler pooler(with_pool_size("3"));
  EXPECT_EQ(config_value(pooler, "default_pool_size"), "3");
  pooler.write(with_pool_size("4"));
  pooler.process().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return config_value(pooler, "default_pool_size") == "4"; }));
}

TEST_F(Reload, a_broken_file_is_refused_whole_and_the_reason_is_told) {
  Pooler pooler(with_pool_size("3"));
  pooler.write({.settings = {{"default_pool_size", "4"}, {"default_pool_sise", "5"}},
                .databases = {{"otherdb", host_of_postgres()}}});
  const Answer answer = pooler.console().run("RELOAD");
  EXPECT_EQ(answer.sqlstate, "F0000");
  EXPECT_NE(answer.report.find("default_pool_sise"), std::string::npos) << answer.report;
  EXPECT_EQ(config_value(pooler, "default_pool_size"), "3");
  EXPECT_EQ(pooler.session().value("SELECT 6 * 7"), "42") << "the old database is still there";
  EXPECT_EQ(pooler.session("app", "otherdb").login_sqlstate(), "3D000") << "the new one is not";
  pooler.write(with_pool_size("4"));
  EXPECT_EQ(pooler.console().value("RELOAD"), "RELOAD");
  EXPECT_EQ(config_value(pooler, "default_pool_size"), "4");
}

TEST_F(Reload, a_broken_file_after_sighup_changes_nothing) {
  Pooler pooler(with_pool_size("3"));
  pooler.write(with_pool_size("many"));
  pooler.process().signal(SIGHUP);
  ASSERT_TRUE(eventually([&] { return pooler.logged("settings_refused") == 1; }));
  EXPECT_EQ(config_value(pooler, "default_pool_size"), "3");
  EXPECT_EQ(pooler.session().value("SELECT 6 * 7"), "42");
}

TEST_F(Reload, databases_come_and_go) {
  Pooler pooler;
  ASSERT_EQ(pooler.session().value("SELECT current_database()"), "appdb");
  pooler.write({.databases = {{"otherdb", host_of_postgres()}}});
  ASSERT_EQ(pooler.console().value("RELOAD"), "RELOAD");
  EXPECT_EQ(pooler.session("app", "otherdb").value("SELECT current_database()"), "otherdb");
  EXPECT_EQ(pooler.session("app", "appdb").login_sqlstate(), "3D000");
}

TEST_F(Reload, users_and_passwords_change) {
  Pooler pooler({.databases = {{"appdb", host_of_postgres() + " user=app password=" + password}}});
  ASSERT_TRUE(pooler.session("app").connected());
  pooler.write({.databases = {{"appdb", host_of_postgres() + " user=app password=" + password}},
                .passwords = {{"app", "another"}, {"newcomer", password}}});
  ASSERT_EQ(pooler.console().value("RELOAD"), "RELOAD");
  EXPECT_EQ(pooler.session("app").login_sqlstate(), "28P01");
  EXPECT_EQ(pooler.session("newcomer").value("SELECT 6 * 7"), "42");
}

// A logged-in client stays; its next transaction goes where the database is now.
TEST_F(Reload, a_database_that_moves_takes_its_clients_along) {
  Pooler pooler;
  Session session = pooler.session();
  ASSERT_EQ(session.value("BEGIN"), "BEGIN");
  pooler.write({.databases = {{"appdb", host_of_postgres() + " dbname=otherdb"}}});
  ASSERT_EQ(pooler.console().value("RELOAD"), "RELOAD");
  EXPECT_EQ(session.value("SELECT current_database()"), "appdb") << "a transaction is not moved";
  EXPECT_EQ(session.value("COMMIT"), "COMMIT");
  EXPECT_EQ(session.value("SELECT current_database()"), "otherdb");
}

}  // namespace

}  // namespace pgweir::integration
