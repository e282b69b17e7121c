#include "core/console/command.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace {

using namespace pgweir;
using console::Command;
using console::parse_command;
using console::Role;

void expect_command(std::string_view text, Command command) {
  const auto parsed = parse_command(text);
  ASSERT_TRUE(parsed.has_value()) << text << ": " << parsed.error().message;
  EXPECT_EQ(static_cast<int>(*parsed), static_cast<int>(command)) << text;
}

PgError error_of(std::string_view text) {
  const auto parsed = parse_command(text);
  EXPECT_FALSE(parsed.has_value()) << "must not be a command: " << text;
  return parsed.has_value() ? PgError{sqlstate::internal_error, ""} : parsed.error();
}

void expect_syntax_error(std::string_view text, std::string_view message) {
  const PgError error = error_of(text);
  EXPECT_EQ(error.code.text(), "42601") << text;
  EXPECT_EQ(error.message, message) << text;
}

TEST(ConsoleCommand, is_known_by_the_words_of_its_table) {
  for (const console::CommandEntry& entry : console::commands()) {
    if (entry.command == Command::set) continue;
    expect_command(entry.words, entry.command);
    expect_command(std::string(entry.words) + ";", entry.command);
  }
}

TEST(ConsoleCommand, each_enumerator_has_its_words) {
  using enum Command;
  constexpr std::array<std::pair<Command, std::string_view>, 12> words{{
      {empty, ""},
      {set, "SET"},
      {show_help, "SHOW HELP"},
      {show_pools, "SHOW POOLS"},
      {show_clients, "SHOW CLIENTS"},
      {show_servers, "SHOW SERVERS"},
      {show_stats, "SHOW STATS"},
      {show_databases, "SHOW DATABASES"},
      {show_users, "SHOW USERS"},
      {show_config, "SHOW CONFIG"},
      {show_version, "SHOW VERSION"},
      {reload, "RELOAD"},
  }};
  EXPECT_EQ(console::commands().size(), words.size());
  for (const auto& [command, text] : words) EXPECT_EQ(console::entry_of(command).words, text);
}

TEST(ConsoleCommand, ignores_case_spaces_comments_and_a_trailing_semicolon) {
  expect_command("show pools", Command::show_pools);
  expect_command("Show Pools;", Command::show_pools);
  expect_command("  SHOW\t\r\n POOLS  ;\n", Command::show_pools);
  expect_command("show pools;;", Command::show_pools);
  expect_command("-- how busy\nshow pools -- now\n; -- done", Command::show_pools);
  expect_command("reload ;", Command::reload);
}

TEST(ConsoleCommand, select_stands_for_show) {
  expect_command("select stats", Command::show_stats);
  expect_command("SELECT VERSION;", Command::show_version);
}

TEST(ConsoleCommand, is_empty_when_drivers_ping) {
  expect_command("", Command::empty);
  expect_command(";", Command::empty);
  expect_command(" \n ; ", Command::empty);
  expect_command("-- ping", Command::empty);
}

TEST(ConsoleCommand, accepts_what_drivers_set_as_they_connect) {
  for (const std::string_view text :
       {"SET extra_float_digits = 3", "set extra_float_digits=-1;", "SET DateStyle = ISO, MDY",
        "SET datestyle TO 'ISO'", "SET client_encoding TO 'UTF8'",
        "SET client_encoding to \"utf8\"", "SET application_name = 'it''s; me'",
        "SET SESSION TimeZone TO Europe/Berlin", "set local statement_timeout = 0",
        "SET search_path TO \"a\"\"b\", 'c'"}) {
    expect_command(text, Command::set);
  }
}

TEST(ConsoleCommand, does_not_pretend_to_change_a_setting) {
  const PgError error = error_of("SET max_client_conn = 500");
  EXPECT_EQ(error.code.text(), "0A000");
  EXPECT_EQ(error.message, "the admin database cannot SET max_client_conn");
  EXPECT_NE(error.hint.find("RELOAD"), std::string::npos);
}

TEST(ConsoleCommand, refuses_what_it_does_not_know_and_lists_what_it_does) {
  expect_syntax_error("VACUUM FULL t",
                      "the admin database has no command that begins with \"VACUUM FULL\"");
  expect_syntax_error("PAUSE", "the admin database has no command that begins with \"PAUSE\"");
  expect_syntax_error("SHOW", "the admin database has no command that begins with \"SHOW\"");
  expect_syntax_error("SHOWPOOLS",
                      "the admin database has no command that begins with \"SHOWPOOLS\"");
  expect_syntax_error("SELECT 1",
                      "the admin database has no command that begins with \"SELECT 1\"");
  expect_syntax_error("(SHOW POOLS)", "the admin database has no command that begins with \"(\"");
  EXPECT_EQ(error_of("x").hint,
            "The commands are: SHOW HELP, SHOW POOLS, SHOW CLIENTS, SHOW SERVERS, SHOW STATS, "
            "SHOW DATABASES, SHOW USERS, SHOW CONFIG, SHOW VERSION, RELOAD.");
}

TEST(ConsoleCommand, refuses_half_a_set) {
  for (const std::string_view text :
       {"SET", "SET x", "SET x =", "SET x TO", "SET = 1", "SET datestyle = 'ISO", "SET x = 1,",
        "SET x 1", "SET datestyle = -", "SET datestyle = ;"}) {
    EXPECT_EQ(error_of(text).code.text(), "42601") << text;
  }
}

TEST(ConsoleCommand, refuses_what_follows_a_command) {
  expect_syntax_error("SHOW POOLS app",
                      "the admin database does not understand what follows SHOW POOLS");
  expect_syntax_error("RELOAD now", "the admin database does not understand what follows RELOAD");
  expect_syntax_error("SET datestyle = 'ISO' x",
                      "the admin database does not understand what follows SET");
}

TEST(ConsoleCommand, takes_one_at_a_time) {
  for (const std::string_view text : {"SHOW POOLS; SHOW STATS", "RELOAD;x", "; RELOAD",
                                      "SET datestyle = 'ISO'; SET timezone = 'UTC'"}) {
    expect_syntax_error(text, "the admin database takes one command at a time");
  }
}

TEST(ConsoleCommand, repeats_little_of_a_text_that_may_hold_a_secret) {
  EXPECT_EQ(error_of("ALTER USER bob PASSWORD 'hunter2'").message,
            "the admin database has no command that begins with \"ALTER USER\"");
  EXPECT_EQ(error_of("SET auth_password = 'hunter2'").message.find("hunter2"), std::string::npos);
  EXPECT_EQ(error_of("FOO -- hunter2").message.find("hunter2"), std::string::npos);
  const std::string endless(70'000, 'x');
  EXPECT_EQ(error_of(endless + " " + endless).message,
            "the admin database has no command that begins with \"" + std::string(32, 'x') + " " +
                std::string(32, 'x') + "\"");
  EXPECT_LT(error_of("SET " + endless + " = 1").message.size(), 100u);
}

TEST(ConsoleCommand, keeps_unprintable_bytes_out_of_errors) {
  expect_syntax_error("\xff\x01",
                      "the admin database has no command that begins with the byte 0xff");
  expect_syntax_error(std::string_view("\0", 1),
                      "the admin database has no command that begins with the byte 0x0");
}

TEST(ConsoleCommand, is_allowed_to_its_role_and_those_above) {
  for (const console::CommandEntry& entry : console::commands()) {
    const bool acts = entry.command == Command::reload;
    EXPECT_FALSE(console::allowed(entry.command, Role::none)) << entry.words;
    EXPECT_EQ(console::allowed(entry.command, Role::stats), !acts) << entry.words;
    EXPECT_TRUE(console::allowed(entry.command, Role::admin)) << entry.words;
  }
}

TEST(ConsoleCommand, not_allowed_names_the_setting_that_would_allow_it) {
  const PgError act = console::not_allowed(Command::reload);
  EXPECT_EQ(act.code.text(), "42501");
  EXPECT_EQ(act.message, "RELOAD needs a user named in admin_users");
  const PgError look = console::not_allowed(Command::show_pools);
  EXPECT_EQ(look.message, "SHOW POOLS needs a user named in stats_users or admin_users");
  EXPECT_FALSE(look.hint.empty());
}

TEST(ConsoleCommand, tags_are_those_of_postgresql) {
  EXPECT_EQ(console::entry_of(Command::show_pools).tag, "SHOW");
  EXPECT_EQ(console::entry_of(Command::show_help).tag, "SHOW");
  EXPECT_EQ(console::entry_of(Command::set).tag, "SET");
  EXPECT_EQ(console::entry_of(Command::reload).tag, "RELOAD");
  EXPECT_EQ(console::entry_of(Command::empty).tag, "");
}

TEST(ConsoleCommand, help_lists_a_command_a_line) {
  const std::string help = console::help_text();
  EXPECT_TRUE(help.starts_with("the commands are\nSHOW HELP\nSHOW POOLS\n"));
  EXPECT_TRUE(help.ends_with("\nRELOAD"));
  EXPECT_EQ(std::ranges::count(help, '\n'), 10);
}

}  // namespace
