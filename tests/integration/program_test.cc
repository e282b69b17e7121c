// The program as a program: signals, switches, files and exit statuses.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/integration/environment.h"
#include "tests/integration/pooler.h"
#include "tests/integration/raw_client.h"

namespace pgweir::integration {

namespace {

class Program : public IntegrationTest {
 protected:
  // Waits for the end: an exit of the program's own, not a signal's.
  static void expect_exit(Pooler& pooler) {
    const std::optional<int> status = pooler.process().wait();
    ASSERT_TRUE(status.has_value()) << "it still runs";
    EXPECT_LT(*status, 128) << "a signal killed it";
  }

  // Whether somebody new gets service; who does not must be told, not left hanging.
  static bool serves(const Pooler& pooler) {
    const Session session = pooler.session();
    EXPECT_TRUE(session.connected() || session.refused()) << "a login that is never answered";
    return session.connected();
  }
};

TEST_F(Program, sigterm_lets_transactions_end_and_nobody_new_in) {
  Pooler pooler;
  Session idle = pooler.session();
  Session busy = pooler.session();
  ASSERT_EQ(busy.value("BEGIN"), "BEGIN");
  pooler.process().signal(SIGTERM);
  EXPECT_TRUE(eventually([&] { return !serves(pooler); }));
  EXPECT_EQ(busy.value("SELECT 6 * 7"), "42");
  EXPECT_FALSE(pooler.process().exit_status()) << "a transaction is not over";
  EXPECT_EQ(busy.value("COMMIT"), "COMMIT");
  EXPECT_EQ(pooler.process().wait(), 0);
}

TEST_F(Program, sigterm_with_idle_clients_ends_at_once) {
  Pooler pooler({.settings = {{"auth_type", "trust"}}});
  RawClient idle(pooler.port());
  ASSERT_TRUE(idle.log_in("app", "appdb"));
  ASSERT_EQ(idle.value("SELECT 6 * 7"), "42");
  pooler.process().signal(SIGTERM);
  const std::optional<Message> why = idle.read_message();
  ASSERT_TRUE(why.has_value()) << "an idle client is told why it is closed";
  EXPECT_EQ(error_field(*why, 'C'), "57P01") << error_field(*why, 'M');
  EXPECT_EQ(pooler.process().wait(), 0);
}

TEST_F(Program, a_second_sigterm_does_not_wait) {
  Pooler pooler;
  Session busy = pooler.session();
  ASSERT_EQ(busy.value("BEGIN"), "BEGIN");
  pooler.process().signal(SIGTERM);
  ASSERT_TRUE(eventually([&] { return !serves(pooler); }));
  EXPECT_FALSE(pooler.process().exit_status());
  pooler.process().signal(SIGTERM);
  expect_exit(pooler);
}

TEST_F(Program, sigquit_ends_at_once) {
  Pooler pooler;
  Session busy = pooler.session();
  ASSERT_EQ(busy.value("BEGIN"), "BEGIN");
  pooler.process().signal(SIGQUIT);
  expect_exit(pooler);
}

TEST_F(Program, the_unix_socket_is_gone_after_the_end) {
  Pooler pooler;
  const std::string path = pooler.folder() + "/.s.PGSQL." + std::to_string(pooler.port());
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(path); }));
  pooler.process().signal(SIGTERM);
  EXPECT_EQ(pooler.process().wait(), 0);
  EXPECT_FALSE(std::filesystem::exists(path));
}

// As PgBouncer's service files start it; a relative path means the working directory.
TEST_F(Program, quiet_logs_to_the_logfile_only) {
  for (const char* option : {"--quiet", "-q"}) {
    Pooler pooler({.settings = {{"logfile", "quiet.log"}}, .switches = {option}});
    EXPECT_EQ(pooler.session().value("SELECT 6 * 7"), "42");
    EXPECT_EQ(pooler.log(), "") << "nothing on its outputs";
    EXPECT_NE(read_file(pooler.folder() + "/quiet.log"), "");
  }
}

TEST_F(Program, relative_paths_mean_the_working_directory) {
  Pooler pooler({.settings = {{"auth_file", "userlist.txt"}}});
  EXPECT_EQ(pooler.session().value("SELECT 6 * 7"), "42");
}

TEST_F(Program, a_toml_file_is_served_like_an_ini_file) {
  Pooler pooler;
  pooler.process().signal(SIGTERM);
  ASSERT_EQ(pooler.process().wait(), 0);
  const std::string path = pooler.folder() + "/pgweir.toml";
  write_file(path, "[pgweir]\nlisten_addr = [\"127.0.0.1\"]\nlisten_port = " +
                       std::to_string(pooler.port()) + "\nunix_socket_dir = \"\"\nauth_file = \"" +
                       pooler.userlist_path() +
                       "\"\n[databases.appdb]\nhost = \"127.0.0.1\"\nport = " +
                       std::to_string(postgres().port()) + "\n");
  Process process({.arguments = {environment().pgweir(), path},
                   .as = Pooler::account(),
                   .output = pooler.log_path()});
  EXPECT_TRUE(eventually([&] { return process.exit_status() || serves(pooler); }));
  EXPECT_EQ(pooler.session().value("SELECT 6 * 7"), "42");
}

TEST_F(Program, events_are_logged_under_stable_names) {
  Pooler pooler;
  pooler.session().value("SELECT 1");
  EXPECT_TRUE(eventually([&] { return pooler.logged("client_closed") >= 1; }));
  EXPECT_GE(pooler.logged("client_login"), 1);
  EXPECT_GE(pooler.logged("server_connected"), 1);
  EXPECT_EQ(pooler.logged(password), 0);
}

TEST_F(Program, check_accepts_a_good_file) {
  Pooler pooler;
  const Outcome outcome = run_pgweir({"check", pooler.config_path()});
  EXPECT_EQ(outcome.status, 0) << outcome.output;
}

TEST_F(Program, check_tells_every_mistake_with_its_line) {
  Pooler pooler;
  pooler.write({.settings = {{"default_pool_sise", "5"}, {"query_timeout", "soon"}}});
  const Outcome outcome = run_pgweir({"check", pooler.config_path()});
  EXPECT_NE(outcome.status, 0);
  EXPECT_NE(outcome.output.find("pgweir.ini:"), std::string::npos) << outcome.output;
  EXPECT_NE(outcome.output.find("default_pool_sise"), std::string::npos) << outcome.output;
  EXPECT_NE(outcome.output.find("default_pool_size"), std::string::npos)
      << "the nearest known name: " << outcome.output;
  EXPECT_NE(outcome.output.find("query_timeout"), std::string::npos) << outcome.output;
}

TEST_F(Program, a_broken_file_is_not_served) {
  Pooler pooler;
  pooler.write({.settings = {{"default_pool_sise", "5"}}});
  const Outcome outcome = run_pgweir({pooler.config_path()});
  EXPECT_GT(outcome.status, 0) << outcome.output;
  EXPECT_NE(outcome.output.find("default_pool_sise"), std::string::npos) << outcome.output;
}

TEST_F(Program, a_missing_file_is_named) {
  const Outcome outcome = run_pgweir({"/nowhere/pgweir.ini"});
  EXPECT_GT(outcome.status, 0);
  EXPECT_NE(outcome.output.find("/nowhere/pgweir.ini"), std::string::npos) << outcome.output;
}

TEST_F(Program, a_port_in_use_is_named) {
  Pooler pooler;
  const Outcome outcome = run_pgweir({pooler.config_path()}, pooler.folder());
  EXPECT_GT(outcome.status, 0) << outcome.output;
  EXPECT_NE(outcome.output.find(std::to_string(pooler.port())), std::string::npos)
      << outcome.output;
  EXPECT_EQ(pooler.session().value("SELECT 6 * 7"), "42") << "the first one is not disturbed";
}

TEST_F(Program, version_and_help_are_told) {
  const Outcome version = run_pgweir({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_NE(version.output.find("pgweir"), std::string::npos) << version.output;
  const Outcome help = run_pgweir({"--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_NE(help.output.find("check"), std::string::npos) << help.output;
}

TEST_F(Program, an_unknown_switch_is_an_error) {
  const Outcome outcome = run_pgweir({"--flood"});
  EXPECT_GT(outcome.status, 0);
  EXPECT_NE(outcome.output.find("--flood"), std::string::npos) << outcome.output;
}

}  // namespace

}  // namespace pgweir::integration
