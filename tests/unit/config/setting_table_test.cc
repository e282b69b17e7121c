// Names, forms and bounds of every global setting.
#include "core/config/setting_table.h"

#include <gtest/gtest.h>

#include "core/config/nearest_name.h"
#include "core/config/setting_text.h"

namespace pgweir::config {
namespace {

std::string error_of(std::string_view name, std::string_view text) {
  Settings settings;
  const auto result = set(settings, name, text);
  EXPECT_TRUE(result || settings == Settings{}) << name << " changed although its text is refused";
  return result ? std::string() : result.error();
}

TEST(SettingTable, PrintsEveryDefaultAsATextThatReadsBackTheSame) {
  for (const Setting& setting : all_settings()) {
    Settings settings;
    const auto result = set(settings, setting.name, default_value(setting));
    ASSERT_TRUE(result) << setting.name << ": " << result.error();
    EXPECT_EQ(settings, Settings{}) << setting.name << ": make print and read agree";
  }
}

TEST(SettingTable, IsSortedAndFindsEachOfItsNames) {
  std::string_view before;
  for (const Setting& setting : all_settings()) {
    EXPECT_LT(before, setting.name);
    EXPECT_EQ(find_setting(setting.name), &setting);
    before = setting.name;
  }
  EXPECT_EQ(find_setting("default_pool_siz"), nullptr);
  EXPECT_EQ(find_setting(""), nullptr);
}

TEST(SettingTable, HoldsThePgBouncerNamesOfEveryFieldOnce) {
  // Each setting must change a field of its own: set one, and only its value differs.
  for (const Setting& setting : all_settings()) {
    Settings settings;
    constexpr std::string_view others[] = {"7",    "0",     "1",       "trust",
                                           "0700", "reset", "session", "some,text"};
    for (const std::string_view text : others) {
      if (set(settings, setting.name, text) && settings != Settings{}) break;
    }
    ASSERT_NE(settings, Settings{}) << setting.name;
    for (const Setting& other : all_settings()) {
      const bool differs = value(settings, other) != default_value(other);
      EXPECT_EQ(differs, &other == &setting)
          << "setting " << setting.name << " and " << other.name << ": one field each";
    }
  }
}

TEST(SettingTable, NeedsARestartOnlyForWhereClientsConnectAndAreServed) {
  std::vector<std::string_view> fixed;
  for (const Setting& setting : all_settings()) {
    if (!setting.changeable) fixed.push_back(setting.name);
  }
  EXPECT_EQ(fixed,
            (std::vector<std::string_view>{"listen_addr", "listen_backlog", "listen_port",
                                           "machines", "unix_socket_dir", "unix_socket_mode"}));
}

TEST(SettingTable, ReadsDurationsExactly) {
  Settings settings;
  const auto seconds = [&](std::string_view text) {
    const auto result = set(settings, "query_timeout", text);
    EXPECT_TRUE(result) << text;
    return settings.query_timeout;
  };
  EXPECT_EQ(seconds("15"), 15s);
  EXPECT_EQ(seconds("0"), 0s);
  EXPECT_EQ(seconds("0.25"), 250ms);
  EXPECT_EQ(seconds("1.5"), 1500ms);
  EXPECT_EQ(seconds("0.000000001"), 1ns);
  EXPECT_EQ(seconds("010"), 10s);
  EXPECT_EQ(seconds("1000000000"), 1'000'000'000s);
}

TEST(SettingTable, PrintsDurationsExactly) {
  EXPECT_EQ(text_of_seconds(0s), "0");
  EXPECT_EQ(text_of_seconds(90s), "90");
  EXPECT_EQ(text_of_seconds(250ms), "0.25");
  EXPECT_EQ(text_of_seconds(1ns), "0.000000001");
  EXPECT_EQ(text_of_seconds(3s + 40ms), "3.04");
}

TEST(SettingTable, RefusesDurationsOfAnotherForm) {
  for (const std::string_view text :
       {"",    "-5",  "5m",           "5 s",          "1e9",        "nan",
        "NaN", "inf", "0x10",         ".5",           "5.",         "1.2.3",
        "+5",  " 5",  "0.0000000001", "1000000000.1", "1000000001", "99999999999999999999",
        "5,0", "--"}) {
    EXPECT_EQ(error_of("query_timeout", text),
              "expected a number of seconds such as 15 or 0.25, without a unit, from 0 to "
              "1000000000")
        << "query_timeout = " << text;
  }
}

TEST(SettingTable, RefusesCountsOutOfBoundsOrOfAnotherForm) {
  for (const std::string_view text : {"", "-1", "1000001", "99999999999999999999", "5x", "0x10",
                                      "010", "1.0", "1e3", "true", "twenty"}) {
    EXPECT_EQ(error_of("default_pool_size", text), "expected a whole number from 0 to 1000000")
        << "default_pool_size = " << text;
  }
  EXPECT_EQ(error_of("default_pool_size", "0"), "");
  EXPECT_EQ(error_of("default_pool_size", "1000000"), "");
  EXPECT_EQ(error_of("max_client_conn", "0"), "expected a whole number from 1 to 1000000");
  EXPECT_EQ(error_of("max_client_conn", "99999999"), "expected a whole number from 1 to 1000000");
  EXPECT_EQ(error_of("tcp_user_timeout", "-1"),
            "expected a whole number of milliseconds from 0 to 2147483647");
}

TEST(SettingTable, RefusesPortsThatAreNone) {
  for (const std::string_view text : {"0", "65536", "99999", "abc", "-1", ""}) {
    EXPECT_EQ(error_of("listen_port", text), "expected a port number from 1 to 65535") << text;
  }
  EXPECT_EQ(error_of("listen_port", "65535"), "");
}

TEST(SettingTable, ReadsBooleansAsPgBouncerAndAsWords) {
  Settings settings;
  for (const std::string_view text : {"1", "true", "yes", "on", "ON", "True"}) {
    settings.log_stats = false;
    ASSERT_TRUE(set(settings, "log_stats", text)) << text;
    EXPECT_TRUE(settings.log_stats) << text;
  }
  for (const std::string_view text : {"0", "false", "no", "off", "No"}) {
    settings.log_stats = true;
    ASSERT_TRUE(set(settings, "log_stats", text)) << text;
    EXPECT_FALSE(settings.log_stats) << text;
  }
  for (const std::string_view text : {"", "2", "yess", "y", "-1", "01"}) {
    EXPECT_EQ(error_of("log_stats", text), "expected 1 or 0 (or true, false, yes, no, on, off)");
  }
}

TEST(SettingTable, ReadsListsBetweenCommas) {
  Settings settings;
  ASSERT_TRUE(set(settings, "admin_users", " anna,bert , carl,, "));
  EXPECT_EQ(settings.admin_users, (std::vector<std::string>{"anna", "bert", "carl"}));
  EXPECT_EQ(value(settings, *find_setting("admin_users")), "anna, bert, carl");
  ASSERT_TRUE(set(settings, "admin_users", ""));
  EXPECT_TRUE(settings.admin_users.empty());
  EXPECT_NE(error_of("admin_users", "anna bert"), "") << "a forgotten comma is no name";
}

TEST(SettingTable, ReadsModesInOctal) {
  Settings settings;
  ASSERT_TRUE(set(settings, "unix_socket_mode", "0750"));
  EXPECT_EQ(settings.unix_socket_mode, 0750U);
  ASSERT_TRUE(set(settings, "unix_socket_mode", "700"));
  EXPECT_EQ(settings.unix_socket_mode, 0700U);
  for (const std::string_view text : {"", "0888", "1777", "00777", "rwx", "-1"}) {
    EXPECT_NE(error_of("unix_socket_mode", text), "") << text;
  }
}

TEST(SettingTable, ReadsMachinesAsANumberOrAuto) {
  Settings settings;
  ASSERT_TRUE(set(settings, "machines", "64"));
  EXPECT_EQ(settings.machines, 64);
  EXPECT_EQ(value(settings, *find_setting("machines")), "64");
  ASSERT_TRUE(set(settings, "machines", "Auto"));
  EXPECT_EQ(settings.machines, machines_auto);
  EXPECT_EQ(value(settings, *find_setting("machines")), "auto");
  for (const std::string_view text : {"", "0", "65", "-1", "257", "all", "1.5"}) {
    EXPECT_EQ(error_of("machines", text), "expected auto, or a whole number from 1 to 64") << text;
  }
}

TEST(SettingTable, KnowsTheWaysToLogInThatItHas) {
  Settings settings;
  ASSERT_TRUE(set(settings, "auth_type", "TRUST"));
  EXPECT_EQ(settings.auth_type, AuthType::trust);
  ASSERT_TRUE(set(settings, "auth_type", "scram-sha-256"));
  EXPECT_EQ(settings.auth_type, AuthType::scram_sha_256);
  ASSERT_TRUE(set(settings, "auth_type", "trust"));
  ASSERT_TRUE(set(settings, "auth_type", "md5"));
  EXPECT_EQ(settings.auth_type, AuthType::scram_sha_256) << "md5 is answered by SCRAM, never less";
  for (const std::string_view text : {"any", "plain", "hba", "cert", "pam", "ldap", "", "scram"}) {
    EXPECT_NE(error_of("auth_type", text), "") << text;
  }
}

TEST(SettingTable, ReadsThePoolModes) {
  for (const std::string_view mode : {"session", "transaction", "statement"}) {
    Settings settings;
    ASSERT_TRUE(set(settings, "pool_mode", mode));
    EXPECT_EQ(value(settings, *find_setting("pool_mode")), mode);
  }
  EXPECT_EQ(error_of("pool_mode", "query"), "expected session, transaction or statement");
}

TEST(SettingTable, ThePoolModeOfAUserCountsBeforeTheDatabases) {
  Settings settings;
  settings.pool_mode = PoolMode::statement;
  settings.users = {{.name = "ann", .pool_mode = PoolMode::transaction}, {.name = "bob"}};
  const DatabaseSettings plain{.name = "plain"};
  const DatabaseSettings sessions{.name = "sessions", .pool_mode = PoolMode::session};
  EXPECT_EQ(pool_mode_for(sessions, "ann", settings), PoolMode::transaction);
  EXPECT_EQ(pool_mode_for(sessions, "bob", settings), PoolMode::session);
  EXPECT_EQ(pool_mode_for(sessions, "nobody", settings), PoolMode::session);
  EXPECT_EQ(pool_mode_for(plain, "bob", settings), PoolMode::statement);
}

TEST(SettingTable, RefusesControlCharactersInText) {
  EXPECT_NE(error_of("logfile", std::string_view("a\0b", 3)), "");
  EXPECT_NE(error_of("logfile", "a\nb"), "");
  EXPECT_NE(error_of("listen_addr", "a\x7f"), "");
}

TEST(SettingTable, SuggestsTheNearestNameForAnUnknownOne) {
  EXPECT_EQ(error_of("default_pool_sizes", "1"),
            "there is no such setting; did you mean default_pool_size?");
  EXPECT_EQ(error_of("xyzzy", "1"), "there is no such setting");
}

TEST(NearestName, NeedsHalfOfTheCharactersToAgree) {
  constexpr std::string_view names[] = {"host", "port", "password"};
  EXPECT_EQ(nearest_name("hosts", names), "host");
  EXPECT_EQ(nearest_name("passwrd", names), "password");
  EXPECT_EQ(nearest_name("prot", names), "port");
  EXPECT_EQ(nearest_name("quux", names), "");
  EXPECT_EQ(nearest_name("", names), "");
  EXPECT_EQ(nearest_name(std::string(100'000, 'h'), names), "");
}

TEST(NearestName, QuotesNamesSoThatNoTerminalIsHarmed) {
  EXPECT_EQ(quoted_name("a\x1b[2J\"b"), "\"a?[2J?b\"");
  EXPECT_EQ(quoted_name(std::string(70, 'x')), "\"" + std::string(64, 'x') + "...\"");
}

}  // namespace
}  // namespace pgweir::config
