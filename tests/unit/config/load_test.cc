// Both formats with their auth file: users, secrets, what is checked together, and that no message
// ever tells a secret.
#include "config/load.h"

#include "tests/unit/config/files.h"

namespace pgweir::config {
namespace {

class Load : public FilesTest {
 protected:
  std::string ini(const std::string& more) const {
    return "[databases]\n* = host=db\n[pgbouncer]\npool_mode=transaction\nauth_file = " +
           path("users") + "\n" + more;
  }
};

TEST_F(Load, MergesTheAuthFileWithTheUsersLimits) {
  write("users", "\"carl\" \"c-secret\"\n\"anna\" \"a-secret\"\n\"bert\" \"\"\n");
  const Result result = load_ini(ini("[users]\nanna = pool_size=3\ndora = pool_size=4\n"));
  EXPECT_EQ(problems(result), "");
  ASSERT_TRUE(result.loaded);
  const auto& [settings, secrets] = *result.loaded;
  ASSERT_EQ(settings.users.size(), 4U);
  EXPECT_EQ(settings.users[0], (UserSettings{.name = "anna", .credential = 1, .pool_size = 3}));
  EXPECT_EQ(settings.users[1], (UserSettings{.name = "bert"})) << "an empty secret is none";
  EXPECT_EQ(settings.users[2], (UserSettings{.name = "carl", .credential = 2}));
  EXPECT_EQ(settings.users[3], (UserSettings{.name = "dora", .pool_size = 4}));
  ASSERT_EQ(secrets.size(), 2U);
  EXPECT_EQ(secrets[0].text, "a-secret");
  EXPECT_EQ(secrets[1].text, "c-secret");
}

// "*" stands for who has no line in [users], in the auth file or not.
TEST_F(Load, GivesAUserOfTheAuthFileWhatIsSaidOfAllOthers) {
  write("users", "\"anna\" \"a-secret\"\n\"bert\" \"b-secret\"\n");
  const Result result =
      load_ini(ini("[users]\n* = pool_size=3 max_user_connections=7\nbert = pool_size=4\n"));
  EXPECT_EQ(problems(result), "");
  ASSERT_TRUE(result.loaded);
  const Settings& settings = result.loaded->settings;
  EXPECT_EQ(
      *find_user(settings, "anna"),
      (UserSettings{.name = "anna", .credential = 1, .pool_size = 3, .max_user_connections = 7}));
  EXPECT_EQ(*find_user(settings, "bert"),
            (UserSettings{.name = "bert", .credential = 2, .pool_size = 4}));
  EXPECT_EQ(line_of_user(settings, "carl")->name, "*");
  EXPECT_EQ(line_of_user(settings, "bert")->name, "bert");
}

TEST_F(Load, RefusesAPasswordThatWouldBeEverybodys) {
  write("users", "\"*\" \"secret\"\n");
  EXPECT_EQ(problems(load_ini(ini(""))),
            "users:1: user \"*\" stands for all who have no line of their own, and a password here "
            "would be everybody's: give each of them one in auth_file\n");
}

TEST_F(Load, GivesADatabasesUserItsOwnPasswordOrTheAuthFiles) {
  write("users", "\"anna\" \"listed\"\n");
  const Result result =
      load_ini(ini("[databases]\na = host=db user=anna\nb = host=db user=anna password='own one'\n"
                   "c = host=db user=stranger\nd = host=db\n"));
  EXPECT_EQ(problems(result), "");
  ASSERT_TRUE(result.loaded);
  const auto& [settings, secrets] = *result.loaded;
  const auto secret = [&](std::string_view name) -> std::string {
    const CredentialId id = find_database(settings, name)->credential;
    return id == no_credential ? "none" : secrets[id - 1].text;
  };
  EXPECT_EQ(secret("a"), "listed");
  EXPECT_EQ(secret("b"), "own one");
  EXPECT_EQ(secret("c"), "none");
  EXPECT_EQ(secret("d"), "none");
}

TEST_F(Load, LooksForADatabaseWithoutAHostBehindTheUnixSockets) {
  write("users", "");
  const Result result =
      load_ini(ini("unix_socket_dir = /run/sockets\n[databases]\nlocal = dbname=x\nbare =\n"));
  EXPECT_EQ(problems(result), "");
  ASSERT_TRUE(result.loaded);
  EXPECT_EQ(find_database(result.loaded->settings, "local")->host, "/run/sockets");
  EXPECT_EQ(find_database(result.loaded->settings, "bare")->host, "/run/sockets");
}

TEST_F(Load, FailsClosedWithoutItsAuthFile) {
  const Result result = load_ini(ini(""));
  EXPECT_FALSE(result.loaded);
  ASSERT_EQ(result.problems.size(), 1U);
  EXPECT_EQ(result.problems[0].line, 5);
  EXPECT_TRUE(result.problems[0].message.ends_with("users: No such file or directory"));
}

TEST_F(Load, TellsAnAuthFilesProblemsByItsOwnLines) {
  write("users", "\"anna\" \"x\"\nbroken\n");
  EXPECT_EQ(problems(load_ini(ini(""))),
            "users:2: a line is \"user\" \"secret\"; comments begin with ;\n");
}

TEST_F(Load, WarnsOfSecretsThatCannotDoTheirWork) {
  const std::string hash = "md5" + std::string(32, 'a');
  write("users", "\"anna\" \"" + hash + "\"\n");
  EXPECT_EQ(problems(load_ini(ini(""))),
            "users:1: warning: this user's secret is an md5 hash, by which nobody can log in: put "
            "the password or its SCRAM verifier there\n");
  EXPECT_EQ(problems(load_ini(ini("auth_type = trust\n"))), "");

  const std::string key(43, 'A');
  write("users", "");
  EXPECT_EQ(problems(load_ini(ini("[databases]\na = host=db password=x\n"
                                  "b = host=db user=u password=SCRAM-SHA-256$1:c2FsdA==$" +
                                  key + "=:" + key + "=\n"))),
            "pgbouncer.ini:7: warning: password has no effect without user\n"
            "pgbouncer.ini:8: warning: password is a SCRAM verifier: it cannot log in to a server; "
            "give the password itself\n");
}

TEST_F(Load, RefusesTwoSecretsForOneUser) {
  write("users", "\"anna\" \"x\"\n");
  EXPECT_EQ(problems(load_toml("[pgweir]\nauth_file = '" + path("users") +
                               "'\n[databases.a]\nhost='db'\n[users.anna]\npassword = 'y'\n")),
            "users:1: the user of this line has a password in the settings file as well\n");
}

TEST_F(Load, TellsTheLineOfWhatDoesNotFitTogether) {
  write("users", "");
  EXPECT_EQ(problems(load_ini(ini("min_pool_size = 21\nlisten_addr = 1.2.3\nadmin_users = root\n"
                                  "[databases]\na = host=d%b\n"))),
            "pgbouncer.ini:7: listen_addr: this is no IPv4 address\n"
            "pgbouncer.ini:6: min_pool_size: 21 is more than default_pool_size 20\n"
            "pgbouncer.ini:10: database \"a\": host: a host name is letters, digits, hyphens and "
            "underscores between dots, at most 63 bytes each (write international names as "
            "xn--...)\n"
            "pgbouncer.ini:8: warning: admin_users: user \"root\" is not in auth_file or [users], "
            "so nobody can log in by this name\n");
}

TEST_F(Load, WarnsOfAPoolerWithoutDatabases) {
  EXPECT_EQ(problems(load_toml("[pgweir]\nlisten_port = 6432\n")),
            "pgweir.toml: warning: no database is given: clients reach nothing but the admin "
            "database\n");
}

// Every way to write a password wrong that people have found: none may show it in a message.
TEST_F(Load, NeverTellsASecretInAMessage) {
  const std::string lines[] = {"a = host=db password=canary bogus=1",
                               "a = host=db bogus=1 password=canary",
                               "a = host=db password=my canary",
                               "a = host=db password=my canary=1",
                               "a = host=db password='canary",
                               "a = host=db password='x'canary=1",
                               "a = host=db passwrd=my canary=1",
                               "a = host=db,db2 password=canary port=x",
                               "a host=db password=canary",
                               "a = password=SCRAM-SHA-256$canary",
                               "a = password=md5canary pool_size=-1",
                               "a = 'canary'",
                               "canary host=db",
                               "\"a = host=db password=canary",
                               "a = host=db password=x;canary= y",
                               "a = user=u password = canary = canary"};
  write("users", "\"anna\" canary\n\"bert\" \"canary\" \"x\n\"carl\" \"SCRAM-SHA-256$canary\"\n");
  for (const std::string& line : lines) {
    for (const char* section : {"[databases]\n", "[users]\n", "[peers]\n", "[nonsense]\n", "\n"}) {
      const std::string found = problems(load_ini(ini(section + line + "\n")));
      EXPECT_EQ(found.find("canary"), std::string::npos) << section << line << "\n" << found;
    }
  }
}

// The tests run anywhere, the samples' paths mean the root of the source tree.
class Samples : public testing::Test {
 protected:
  Samples() : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(PGWEIR_SOURCES);
  }
  ~Samples() override { std::filesystem::current_path(before_); }

  static Settings loaded(const char* path) {
    const Result result = load(path);
    for (const Problem& problem : result.problems) ADD_FAILURE() << text_of(problem);
    return result.loaded ? result.loaded->settings : Settings{};
  }

 private:
  std::filesystem::path before_;
};

TEST_F(Samples, LoadWithoutProblemsAndSayTheSame) {
  const Settings toml = loaded("config/pgweir.toml");
  EXPECT_EQ(toml, loaded("config/pgbouncer.ini"));
  EXPECT_EQ(toml.users.size(), 3U);
}

TEST_F(Samples, ShowDefaultsWhereTheyDoNotSayOtherwise) {
  const Settings toml = loaded("config/pgweir.toml");
  std::vector<std::string_view> others;
  for (const Setting& setting : all_settings()) {
    if (value(toml, setting) != default_value(setting)) others.push_back(setting.name);
  }
  EXPECT_EQ(others, (std::vector<std::string_view>{"admin_users", "auth_file", "listen_addr",
                                                   "stats_users"}))
      << "config/pgweir.toml tells which lines have no default";
}

}  // namespace
}  // namespace pgweir::config
