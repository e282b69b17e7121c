// pgbouncer.ini: its grammar point by point, what pgweir does not have yet, and bad files.
#include "config/ini_file.h"

#include "config/known_names.h"
#include "tests/unit/config/files.h"

namespace pgweir::config {
namespace {

class IniFile : public FilesTest {
 protected:
  // Enough that nothing else is warned of.
  static constexpr std::string_view base =
      "[databases]\n* = host=db\n[pgbouncer]\npool_mode = transaction\n";

  std::string problems_of(std::string_view text) const { return problems(load_ini(text)); }
  // Of lines that follow the four of base.
  std::string problems_after(std::string_view text) const {
    return problems_of(std::string(base) + std::string(text));
  }
};

TEST_F(IniFile, ReadsSectionsCommentsAndBlanks) {
  const Result result = load_ini(
      "; first\n"
      "# second\n"
      "[databases] ; the rest of a section's line may be a comment\n"
      "app=host=db port=5433 dbname='my ''db''' pool_size=7 min_pool_size=2 reserve_pool=3\n"
      "\"odd \"\"name\" = host=/run/postgresql max_db_connections=9 pool_mode=transaction\n"
      "* = host=10.0.0.1\n"
      "[users]\n"
      "anna = pool_size=4 max_user_connections=8\n"
      "[pgbouncer]\n"
      "\tlisten_port =  7000\t \n"
      "pool_mode = transaction\n"
      "listen_addr = 127.0.0.1, ::1\n"
      "ignore_startup_parameters = extra_float_digits,options\n"
      "query_timeout=1.5\n"
      "tcp_user_timeout=12500");
  EXPECT_EQ(problems(result), "");
  ASSERT_TRUE(result.loaded);
  const Settings& settings = result.loaded->settings;
  EXPECT_EQ(settings.listen_port, 7000);
  EXPECT_EQ(settings.listen_addr, (std::vector<std::string>{"127.0.0.1", "::1"}));
  EXPECT_EQ(settings.query_timeout, 1500ms);
  EXPECT_EQ(settings.tcp_user_timeout, 12500);
  EXPECT_EQ(settings.ignore_startup_parameters.size(), 2U);
  ASSERT_EQ(settings.databases.size(), 3U);
  EXPECT_EQ(settings.databases[0], (DatabaseSettings{.name = "*", .host = "10.0.0.1"}));
  EXPECT_EQ(settings.databases[1], (DatabaseSettings{.name = "app",
                                                     .host = "db",
                                                     .port = 5433,
                                                     .dbname = "my 'db'",
                                                     .pool_size = 7,
                                                     .min_pool_size = 2,
                                                     .reserve_pool_size = 3}));
  EXPECT_EQ(settings.databases[2], (DatabaseSettings{.name = "odd \"name",
                                                     .host = "/run/postgresql",
                                                     .max_db_connections = 9,
                                                     .pool_mode = PoolMode::transaction}));
  ASSERT_NE(find_user(settings, "anna"), nullptr);
  EXPECT_EQ(*find_user(settings, "anna"),
            (UserSettings{.name = "anna", .pool_size = 4, .max_user_connections = 8}));
}

TEST_F(IniFile, AcceptsCarriageReturnsAndAByteOrderMark) {
  EXPECT_EQ(problems_of("\xEF\xBB\xBF[databases]\r\n* = host=db\r\n[pgbouncer]\r\n"
                        "pool_mode = transaction\r\n"),
            "");
}

TEST_F(IniFile, AddsRepeatedSectionsAndLetsLaterKeysWin) {
  const Result result = load_ini(
      "[pgbouncer]\npool_mode=transaction\ndefault_pool_size=5\nmin_pool_size=1\n"
      "[databases]\na = host=one\nb = host=two\n"
      "[pgbouncer]\ndefault_pool_size=6\n"
      "[databases]\na = host=three\n");
  ASSERT_TRUE(result.loaded);
  EXPECT_EQ(result.loaded->settings.default_pool_size, 6);
  EXPECT_EQ(result.loaded->settings.min_pool_size, 1);
  EXPECT_EQ(find_database(result.loaded->settings, "a")->host, "three");
  EXPECT_EQ(find_database(result.loaded->settings, "b")->host, "two");
  EXPECT_EQ(problems(result),
            "pgbouncer.ini:9: warning: default_pool_size was set on line 3 already; this later "
            "line counts\n"
            "pgbouncer.ini:11: warning: database \"a\" was given on line 6 already; this later "
            "line counts\n");
}

TEST_F(IniFile, IncludesFilesInTheSectionOfTheInclude) {
  const std::string one = write("one.ini", "max_client_conn = 7\n[databases]\nx = host=one\n");
  const Result result =
      load_ini(std::string(base) + "max_client_conn = 5\n%include " + one + "\ny = host=two\n");
  EXPECT_EQ(problems(result), "") << "another file may say otherwise without a warning";
  ASSERT_TRUE(result.loaded);
  EXPECT_EQ(result.loaded->settings.max_client_conn, 7);
  EXPECT_NE(find_database(result.loaded->settings, "x"), nullptr);
  EXPECT_NE(find_database(result.loaded->settings, "y"), nullptr);
}

TEST_F(IniFile, TellsProblemsOfAnIncludedFileByItsOwnLines) {
  const std::string one = write("one.ini", "\nnonsense_setting = 7\n");
  EXPECT_EQ(problems_after("%include " + one + "\n"),
            "one.ini:2: unknown setting \"nonsense_setting\"\n");
}

TEST_F(IniFile, RefusesIncludesThatEndNowhere) {
  write("self.ini", "%include " + path("self.ini") + "\n");
  EXPECT_NE(problems_after("%include " + path("self.ini")).find("this file includes itself"),
            std::string::npos);
  for (int depth = 0; depth < 12; ++depth) {
    write("deep" + std::to_string(depth),
          "%include " + path("deep" + std::to_string(depth + 1)) + "\n");
  }
  EXPECT_NE(problems_after("%include " + path("deep0")).find("at most 8 deep"), std::string::npos);
  // Not deep, but ten thousand files.
  for (int depth = 0; depth < 4; ++depth) {
    std::string ten;
    for (int i = 0; i < 10; ++i)
      ten += "%include " + path("wide" + std::to_string(depth + 1)) + "\n";
    write("wide" + std::to_string(depth), ten);
  }
  write("wide4", "\n");
  EXPECT_NE(problems_after("%include " + path("wide0")).find("more than 256 files"),
            std::string::npos);
}

TEST_F(IniFile, RefusesIncludesOfWhatIsNoFile) {
  EXPECT_EQ(problems_after("%include " + path("none.ini")),
            "pgbouncer.ini:5: %include none.ini: No such file or directory\n");
  EXPECT_EQ(problems_after("%include " + path("")), "pgbouncer.ini:5: %include : Is a directory\n");
  EXPECT_EQ(problems_after("%include /dev/zero"),
            "pgbouncer.ini:5: %include /dev/zero: Not a regular file\n");
  for (const std::string_view line : {"%include", "%include ", "%includes x", "%inc", "%"}) {
    EXPECT_EQ(problems_after(line), "pgbouncer.ini:5: the only directive is %include FILE\n");
  }
}

TEST_F(IniFile, ReportsAllErrorsAtOnceWithTheirLines) {
  const Result result = load_ini(
      "early = 1\n"
      "[pgbouncer\n"
      "ignored = 1\n"
      "[pgbouncr]\n"
      "ignored = 1\n"
      "[pgbouncer]\n"
      "defualt_pool_size = 1\n"
      "listen_port = 99999\n"
      "no equals sign\n"
      "pool_mode = sessions\n"
      "[databases]\n"
      "app = host=db port=0 prot=1\n"
      "app = host\n"
      "bad name = host=db\n"
      "\"open = host=db\n"
      "pgbouncer = host=db\n"
      "two = host=a,b\n"
      "[users]\n"
      "anna = pool_size=x pool_mode=query password=canary\n");
  EXPECT_FALSE(result.loaded);
  EXPECT_EQ(
      problems(result),
      "pgbouncer.ini:1: this stands before the first section, such as [pgbouncer]\n"
      "pgbouncer.ini:2: a section begins with a line such as [databases] and nothing else\n"
      "pgbouncer.ini:4: unknown section \"pgbouncr\"; did you mean pgbouncer?\n"
      "pgbouncer.ini:7: unknown setting \"defualt_pool_size\"; did you mean default_pool_size?\n"
      "pgbouncer.ini:8: listen_port: expected a port number from 1 to 65535\n"
      "pgbouncer.ini:9: expected name = value (a name with other characters than letters, digits "
      "and _.-* needs double quotes)\n"
      "pgbouncer.ini:10: pool_mode: expected session, transaction or statement\n"
      "pgbouncer.ini:12: port: expected a whole number from 1 to 65535\n"
      "pgbouncer.ini:12: unknown key \"prot\"; did you mean port?\n"
      "pgbouncer.ini:13: part 1 of the line: expected key=value; values with blanks need single "
      "quotes\n"
      "pgbouncer.ini:14: expected name = value (a name with other characters than letters, digits "
      "and _.-* needs double quotes)\n"
      "pgbouncer.ini:15: the name's closing double quote is missing\n"
      "pgbouncer.ini:19: pool_size: expected a whole number from 0 to 1000000\n"
      "pgbouncer.ini:19: pool_mode: expected session, transaction or statement\n"
      "pgbouncer.ini:19: password: a user's secret belongs in auth_file\n"
      "pgbouncer.ini:16: database \"pgbouncer\": this name is the admin database's own; choose "
      "another\n"
      "pgbouncer.ini:17: database \"two\": host: several hosts are not supported yet; name one\n");
}

TEST_F(IniFile, KnowsEverySettingOfPgBouncerByName) {
  for (const std::string_view name : setting_names()) {
    if (find_setting(name) != nullptr || name.ends_with("_sslmode")) continue;
    const std::string line = std::string(name) + " = 1\n";
    EXPECT_EQ(problems_after(line), "pgbouncer.ini:5: warning: setting " + std::string(name) +
                                        " of PgBouncer is not supported yet and has no effect\n");
  }
  EXPECT_EQ(setting_names().size(), 107U) << "101 are PgBouncer's, six are pgweir's own";
}

TEST_F(IniFile, ReadsWhatTheServersOfADatabaseBeginWith) {
  const Result result = load_ini(
      "[databases]\n"
      "a = host=db client_encoding=LATIN1 datestyle='ISO, DMY' timezone=UTC application_name=pool "
      "connect_query='SET ROLE ''app'''\n"
      "[pgbouncer]\n"
      "server_reset_query_always = 1\n"
      "server_check_query = select 1\n"
      "server_check_delay = 0\n");
  EXPECT_EQ(problems(result), "");
  ASSERT_TRUE(result.loaded);
  const Settings& settings = result.loaded->settings;
  const DatabaseSettings& database = settings.databases.front();
  EXPECT_EQ(database.client_encoding, "LATIN1");
  EXPECT_EQ(database.datestyle, "ISO, DMY");
  EXPECT_EQ(database.timezone, "UTC");
  EXPECT_EQ(database.application_name, "pool");
  EXPECT_EQ(database.connect_query, "SET ROLE 'app'");
  EXPECT_TRUE(settings.server_reset_query_always);
  EXPECT_EQ(settings.server_check_query, "select 1");
  EXPECT_EQ(settings.server_check_delay, 0s);
}

TEST_F(IniFile, WarnsOfWhatDatabasesUsersAndPeersCannotHaveYet) {
  EXPECT_EQ(
      problems_after("[databases]\na = host=db auth_query='SELECT 1' server_lifetime=5\n"
                     "[users]\nanna = query_timeout=5\n"
                     "[peers]\n1 = host=other\n"),
      "pgbouncer.ini:6: warning: key auth_query of PgBouncer is not supported yet and has "
      "no effect\n"
      "pgbouncer.ini:6: warning: key server_lifetime of PgBouncer is not supported yet and has no "
      "effect\n"
      "pgbouncer.ini:8: warning: key query_timeout of PgBouncer is not supported yet and has "
      "no effect\n"
      "pgbouncer.ini:9: warning: section [peers] of PgBouncer is not supported yet and has "
      "no effect\n");
}

TEST_F(IniFile, SaysThatTlsIsNotThereYet) {
  EXPECT_EQ(problems_after("client_tls_sslmode = disable\nserver_tls_sslmode = prefer\n"), "");
  EXPECT_EQ(problems_after("client_tls_sslmode = prefer\n"),
            "pgbouncer.ini:5: warning: client_tls_sslmode: TLS is not supported yet, clients "
            "connect without\n");
  for (const std::string side : {"client", "server"}) {
    for (const std::string mode : {"require", "verify-ca", "verify-full"}) {
      EXPECT_EQ(problems_after(side + "_tls_sslmode = " + mode + "\n"),
                "pgbouncer.ini:5: " + side +
                    "_tls_sslmode: TLS is not supported yet, so it cannot be required\n");
    }
    EXPECT_FALSE(load_ini(std::string(base) + side + "_tls_sslmode = on\n").loaded);
  }
}

TEST_F(IniFile, WarnsWhereItDiffersFromPgBouncer) {
  EXPECT_EQ(problems_of("[databases]\n* = host=db\n[pgbouncer]\nauth_type = md5\n"),
            "pgbouncer.ini:4: warning: auth_type md5: clients are asked by SCRAM, for which the "
            "auth file must hold passwords or SCRAM verifiers; users with an md5 hash cannot log "
            "in\n");
}

TEST_F(IniFile, PoolsBySessionUnlessItSaysOtherwise) {
  const Result result = load_ini("[databases]\n* = host=db\n[pgbouncer]\nauth_type = trust\n");
  ASSERT_TRUE(result.loaded);
  EXPECT_EQ(result.loaded->settings.pool_mode, PoolMode::session);
}

TEST_F(IniFile, RefusesTextThatIsNone) {
  EXPECT_NE(problems_after(std::string_view("logfile = a\0b\n", 14)), "");
  EXPECT_NE(problems_after("logfile = \x1b[2J\n"), "");
  EXPECT_EQ(problems_after("logfile = \xff\xfe\n"),
            "pgbouncer.ini:5: this line is not valid UTF-8\n");
  EXPECT_EQ(problems_after("logfile = " + std::string(10'000'000, 'x')),
            "pgbouncer.ini:5: a line has at most 262144 bytes\n");
  EXPECT_FALSE(load_ini("[databases]\n\"\" = host=db\n").loaded);
  EXPECT_FALSE(load_ini("[databases]\n" + std::string(128, 'd') + " = host=db\n").loaded);
}

TEST_F(IniFile, RefusesAFileThatIsMissingEmptyOrNone) {
  EXPECT_EQ(problems(load(path("none.ini"))), "none.ini: No such file or directory\n");
  EXPECT_EQ(problems(load(path(""))), ": Is a directory\n");
  for (const std::string_view text : {"", "\n\n", "; nothing\n# either\n"}) {
    const Result result = load_ini(text);
    EXPECT_FALSE(result.loaded);
    EXPECT_TRUE(problems(result).starts_with("pgbouncer.ini: there is no setting in this file\n"));
  }
}

TEST_F(IniFile, ListsAThousandErrorsAndCountsTheRest) {
  std::string text(base);
  for (int i = 0; i < 20'000; ++i) text += "unheard_of = 1\n";
  const Result result = load_ini(text);
  ASSERT_EQ(result.problems.size(), 1001U);
  EXPECT_EQ(result.problems.back().message, "19000 more problems are not listed");
  EXPECT_FALSE(result.loaded);
}

TEST_F(IniFile, ReadsTwentyThousandDatabases) {
  std::string text = "[pgbouncer]\npool_mode=transaction\n[databases]\n";
  for (int i = 0; i < 20'000; ++i) text += "d" + std::to_string(i) + " = host=db pool_size=1\n";
  const Result result = load_ini(text);
  EXPECT_EQ(problems(result), "");
  ASSERT_TRUE(result.loaded);
  EXPECT_EQ(result.loaded->settings.databases.size(), 20'000U);
  EXPECT_NE(find_database(result.loaded->settings, "d19999"), nullptr);
}

}  // namespace
}  // namespace pgweir::config
