// pgweir.toml: the same settings in TOML's types.
#include "config/toml_file.h"

#include "tests/unit/config/files.h"

namespace pgweir::config {
namespace {

class TomlFile : public FilesTest {
 protected:
  static constexpr std::string_view base = "[databases.app]\nhost = \"db\"\n";

  std::string problems_of(std::string_view text) const { return problems(load_toml(text)); }
  // Of lines that follow the three of base and [pgweir].
  std::string problems_after(std::string_view text) const {
    return problems_of(std::string(base) + "[pgweir]\n" + std::string(text));
  }
};

TEST_F(TomlFile, ReadsTypedValues) {
  const Result result = load_toml(
      "\xEF\xBB\xBF[pgweir]\r\n"
      "listen_addr = ['127.0.0.1', \"::1\"]\r\n"
      "listen_port = 7000\r\n"
      "unix_socket_mode = 0o750\r\n"
      "log_connections = false\r\n"
      "log_stats = 0\r\n"
      "query_timeout = 0.25\r\n"
      "query_wait_timeout = 7\r\n"
      "pool_mode = 'transaction'\r\n"
      "admin_users = ['anna smith']\r\n"
      "[databases.app]\r\n"
      "host = 'db'\r\n"
      "port = 5433\r\n"
      "user = 'anna smith'\r\n"
      "pool_size = 7\r\n"
      "[databases.'*']\r\n"
      "host = '/run/postgresql'\r\n"
      "[users.'anna smith']\r\n"
      "password = 'hunter2'\r\n"
      "max_user_connections = 8\r\n");
  EXPECT_EQ(problems(result), "");
  ASSERT_TRUE(result.loaded);
  const Settings& settings = result.loaded->settings;
  EXPECT_EQ(settings.listen_addr, (std::vector<std::string>{"127.0.0.1", "::1"}));
  EXPECT_EQ(settings.listen_port, 7000);
  EXPECT_EQ(settings.unix_socket_mode, 0750U);
  EXPECT_FALSE(settings.log_connections);
  EXPECT_FALSE(settings.log_stats);
  EXPECT_EQ(settings.query_timeout, 250ms);
  EXPECT_EQ(settings.query_wait_timeout, 7s);
  EXPECT_EQ(settings.admin_users, (std::vector<std::string>{"anna smith"}));
  const UserSettings* user = find_user(settings, "anna smith");
  ASSERT_NE(user, nullptr);
  EXPECT_EQ(user->max_user_connections, 8);
  ASSERT_EQ(user->credential, 1U);
  EXPECT_EQ(result.loaded->secrets[0].text, "hunter2");
  EXPECT_EQ(*find_database(settings, "app"), (DatabaseSettings{.name = "app",
                                                               .host = "db",
                                                               .port = 5433,
                                                               .user = "anna smith",
                                                               .credential = 1,
                                                               .pool_size = 7}));
}

TEST_F(TomlFile, ReadsTextAsPgBouncerWouldWriteIt) {
  const Result result = load_toml(std::string(base) +
                                  "pool_size = '3'\n[pgweir]\nlisten_port = '7000'\n"
                                  "query_timeout = '1.5'\nlog_stats = 'no'\n"
                                  "listen_addr = '127.0.0.1, ::1'\nunix_socket_mode = '0700'\n"
                                  "machines = 'auto'\n");
  EXPECT_EQ(problems(result), "");
  ASSERT_TRUE(result.loaded);
  EXPECT_EQ(result.loaded->settings.query_timeout, 1500ms);
  EXPECT_EQ(result.loaded->settings.listen_addr.size(), 2U);
  EXPECT_EQ(result.loaded->settings.unix_socket_mode, 0700U);
  EXPECT_EQ(result.loaded->settings.machines, machines_auto);
  EXPECT_EQ(result.loaded->settings.databases[0].pool_size, 3);
}

TEST_F(TomlFile, RefusesTypesThatDoNotFit) {
  for (const std::string_view line : {"default_pool_size = true",
                                      "default_pool_size = 1.5",
                                      "default_pool_size = [1]",
                                      "default_pool_size = -1",
                                      "default_pool_size = {}",
                                      "log_stats = 2",
                                      "log_stats = 'maybe'",
                                      "logfile = 5",
                                      "logfile = true",
                                      "logfile = \"a\\u0000b\"",
                                      "listen_addr = 5",
                                      "listen_addr = ['a', 5]",
                                      "listen_addr = ['']",
                                      "unix_socket_mode = 777",
                                      "unix_socket_mode = 0o1777",
                                      "unix_socket_mode = 440",
                                      "query_timeout = nan",
                                      "query_timeout = inf",
                                      "query_timeout = -1.0",
                                      "query_timeout = 1e300",
                                      "query_timeout = true",
                                      "query_timeout = 1979-05-27",
                                      "listen_port = 70000",
                                      "machines = 0",
                                      "machines = true",
                                      "machines = 'all'",
                                      "auth_type = 'hba'",
                                      "auth_type = 5",
                                      "pool_mode = ['transaction']"}) {
    const std::string found = problems_after(line);
    const std::string name(line.substr(0, line.find(' ')));
    EXPECT_TRUE(found.starts_with("pgweir.toml:4: " + name + ": expected ")) << line << "\n"
                                                                             << found;
  }
}

TEST_F(TomlFile, ReportsAllErrorsAtOnceInTheFilesOrder) {
  const Result result = load_toml(
      "top = 1\n"
      "pgweir.zzz_first = 1\n"
      "pgweir.defualt_pool_size = 1\n"
      "[database.x]\n"
      "host = 'db'\n"
      "[databases.app]\n"
      "host = 'db'\n"
      "prot = 5\n"
      "port = 0\n"
      "dbname = 5\n"
      "password = 5\n"
      "user = []\n"
      "[databases]\n"
      "flat = 'host=db'\n"
      "[users]\n"
      "anna.pool_sise = 5\n"
      "flat = 1\n");
  EXPECT_FALSE(result.loaded);
  EXPECT_EQ(problems(result),
            "pgweir.toml:1: unknown key \"top\"; settings stand in [pgweir], [databases.NAME] and "
            "[users.NAME]\n"
            "pgweir.toml:2: unknown setting \"zzz_first\"\n"
            "pgweir.toml:3: unknown setting \"defualt_pool_size\"; did you mean "
            "default_pool_size?\n"
            "pgweir.toml:4: unknown table \"database\"; did you mean databases?; settings stand in "
            "[pgweir], [databases.NAME] and [users.NAME]\n"
            "pgweir.toml:12: \"user\": expected text or a number\n"
            "pgweir.toml:8: unknown key \"prot\"; did you mean port?\n"
            "pgweir.toml:9: port: expected a whole number from 1 to 65535\n"
            "pgweir.toml:10: dbname: expected text without control characters\n"
            "pgweir.toml:11: password: expected text in quotation marks\n"
            "pgweir.toml:14: a database is a table: write [databases.NAME] and its keys below\n"
            "pgweir.toml:16: unknown key \"pool_sise\"; did you mean pool_size?\n"
            "pgweir.toml:17: a user is a table: write [users.NAME] and its keys below\n");
}

TEST_F(TomlFile, WarnsOfPgBouncersSettingsThatAreNotThereYet) {
  EXPECT_EQ(problems_after("server_fast_close = 'DISCARD ALL'\nclient_tls_sslmode = 'allow'\n"),
            "pgweir.toml:4: warning: setting server_fast_close of PgBouncer is not supported yet "
            "and has no effect\n"
            "pgweir.toml:5: warning: client_tls_sslmode: TLS is not supported yet, clients connect "
            "without\n");
}

TEST_F(TomlFile, TellsTheLineOfASyntaxErrorAndNothingOfItsContent) {
  for (const std::string_view line :
       {"password = canary", "password = \"canary", "canary", "password = \"can\\qary\"",
        "password canary", "password = 'canary' 'canary'", "= 'canary'", "password = [canary",
        "password = 'a'\npassword = 'canary'", "password = 'can\xff\x61ry'", "[canary"}) {
    const std::string found = problems_of("[users.anna]\n" + std::string(line) + "\n");
    EXPECT_TRUE(found.starts_with("pgweir.toml:2: ") || found.starts_with("pgweir.toml:3: "))
        << line << "\n"
        << found;
    EXPECT_EQ(found.find("canary"), std::string::npos) << found;
  }
  EXPECT_EQ(problems_of("[users.anna]\npool_size = 1\npool_size = 2\n"),
            "pgweir.toml:3: this key or table is given twice\n");
  EXPECT_EQ(problems_of("[users.anna]\n[users.anna]\n"),
            "pgweir.toml:2: this key or table is given twice\n");
}

TEST_F(TomlFile, RefusesNestingThatWouldExhaustTheStack) {
  std::string dots = "a";
  for (int i = 0; i < 100'000; ++i) dots += ".a";
  for (const std::string& text : {dots + " = 1\n", "[" + dots + "]\n", "a = {" + dots + " = 1}\n",
                                  "a = " + std::string(100'000, '[') + "\n",
                                  "a = 1\n[" + std::string(300'000, 'a') + "]\n"}) {
    EXPECT_FALSE(load_toml(text).loaded) << text.substr(0, 20);
  }
  EXPECT_EQ(problems_after("listen_addr = ['10.0.0.1', '10.0.0.2'] # " + dots), "");
}

TEST_F(TomlFile, RefusesAFileThatIsMissingOrEmpty) {
  EXPECT_EQ(problems(load(path("none.toml"))), "none.toml: No such file or directory\n");
  EXPECT_FALSE(load_toml("").loaded);
  EXPECT_FALSE(load_toml("# nothing\n").loaded);
}

}  // namespace
}  // namespace pgweir::config
