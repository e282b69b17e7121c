// A client's way in, and a server's.
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

using sim::ServerOptions;

class LoginTest : public Story {
 protected:
  void ask_for_passwords() {
    world.settings.auth_type = AuthType::scram_sha_256;
    world.add_user("ann", "secret");
    world.add_user("bob", "other");
  }
};

TEST_F(LoginTest, a_trusted_client_hears_what_the_servers_said_and_a_key_of_its_own) {
  sim::Client& client = world.client();
  EXPECT_EQ(client.login(),
            "R(0) S(application_name=) S(client_encoding=UTF8) S(DateStyle=ISO, MDY) "
            "S(default_transaction_read_only=off) S(in_hot_standby=off) S(integer_datetimes=on) "
            "S(IntervalStyle=postgres) S(is_superuser=off) S(server_encoding=UTF8) "
            "S(server_version=15.20) S(session_authorization=ann) "
            "S(standard_conforming_strings=on) S(TimeZone=Etc/UTC) K Z(I)");
  EXPECT_NE(client.pid(), 1001u) << "the client was given the server's own key";
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(LoginTest, the_second_client_needs_no_new_server) {
  world.client();
  EXPECT_TRUE(world.client().logged_in());
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(LoginTest, scram_lets_the_right_password_in) {
  ask_for_passwords();
  EXPECT_TRUE(world.client({.password = "secret"}).logged_in());
  EXPECT_TRUE(world.client({.user = "bob", .password = "other"}).logged_in());
  EXPECT_TRUE(world.client({.password = "secret"}).logged_in());
}

TEST_F(LoginTest, an_unknown_user_looks_like_a_wrong_password) {
  ask_for_passwords();
  sim::Client& wrong = world.client({.password = "wrong"});
  sim::Client& unknown = world.client({.user = "eve", .password = "secret"});
  EXPECT_EQ(wrong.heard(), "R(10) R(11) E(28P01) EOF");
  EXPECT_EQ(unknown.heard(), "R(10) R(11) E(28P01) EOF");
  EXPECT_EQ(wrong.error_text(), "password authentication failed for user \"ann\"");
  EXPECT_EQ(world.postgres.login_count(), 0u);
}

TEST_F(LoginTest, an_unknown_database_is_told_after_the_password_only) {
  ask_for_passwords();
  EXPECT_EQ(world.client({.database = "nope", .password = "wrong"}).heard(),
            "R(10) R(11) E(28P01) EOF");
  EXPECT_EQ(world.client({.database = "nope", .password = "secret"}).heard(),
            "R(10) R(11) R(12) E(3D000) EOF");
}

TEST_F(LoginTest, encryption_is_answered_no_and_the_login_goes_on) {
  sim::Client& client = world.connect();
  EXPECT_EQ(world.ask(client, sim::gss_request()), "'N'");
  EXPECT_EQ(world.ask(client, sim::ssl_request()), "'N'");
  client.log_in({});
  world.run();
  EXPECT_TRUE(client.logged_in());
}

// 196608 is 3.0. What is newer than 3.2, and what is not known, is told once and before all else.
TEST_F(LoginTest, newer_minors_and_options_are_negotiated_down) {
  struct Case {
    std::int32_t version;
    sim::Parameters options;
    std::string told;
    std::size_t secret_size;
  };
  for (const Case& each : {Case{0x30000, {}, "R(0) ", 4},
                           Case{0x30000, {{"_pq_.more", "1"}}, "v(196608|_pq_.more) R(0) ", 4},
                           Case{0x30001, {}, "R(0) ", 4},
                           Case{0x30001, {{"_pq_.more", "1"}}, "v(196609|_pq_.more) R(0) ", 4},
                           Case{0x30002, {}, "R(0) ", 32},
                           Case{0x30002, {{"_pq_.more", "1"}}, "v(196610|_pq_.more) R(0) ", 32},
                           Case{0x30003, {}, "v(196610) R(0) ", 32},
                           Case{0x30000 + 9999,
                                {{"_pq_.test_protocol_negotiation", ""}},
                                "v(196610|_pq_.test_protocol_negotiation) R(0) ",
                                32}}) {
    sim::Client& client = world.connect();
    sim::Parameters said{{"user", "ann"}, {"database", "db"}};
    said.insert(said.end(), each.options.begin(), each.options.end());
    client.say(sim::startup(said, each.version));
    world.run();
    EXPECT_TRUE(client.login().starts_with(each.told)) << each.version << ": " << client.login();
    EXPECT_EQ(client.secret().size(), each.secret_size) << each.version;
  }
}

TEST_F(LoginTest, another_protocol_is_refused) {
  sim::Client& client = world.connect();
  EXPECT_EQ(world.ask(client, sim::startup({{"user", "ann"}}, 0x40000)), "E(0A000) EOF");
}

TEST_F(LoginTest, bytes_that_are_no_startup_packet_end_in_silence) {
  sim::Client& client = world.connect();
  EXPECT_EQ(world.ask(client, "GET / HTTP/1.1\r\n\r\n"), "EOF");
}

TEST_F(LoginTest, a_startup_parameter_is_tracked_or_a_setting) {
  sim::Client& tracked = world.client({.more = {{"application_name", "report"}}});
  EXPECT_EQ(tracked.parameter("application_name"), "report");
  EXPECT_TRUE(world.client({.more = {{"extra_float_digits", "3"}}}).logged_in());
}

TEST_F(LoginTest, options_that_are_none_are_refused) {
  sim::Client& client = world.client({.more = {{"options", "-x"}}});
  EXPECT_EQ(client.heard(), "E(42601) EOF");
}

TEST_F(LoginTest, more_settings_than_a_query_can_set_are_refused) {
  sim::LogIn how;
  for (int i = 0; i < 201; ++i) how.more.emplace_back("app.x" + std::to_string(i), "1");
  sim::Client& client = world.client(how);
  EXPECT_FALSE(client.logged_in());
  EXPECT_NE(client.error_text().find("200 settings"), std::string::npos) << client.error_text();
}

TEST_F(LoginTest, servers_are_logged_in_to_by_scram_md5_and_permitted_cleartext) {
  for (const auto auth : {ServerOptions::Auth::scram, ServerOptions::Auth::md5,
                          ServerOptions::Auth::cleartext, ServerOptions::Auth::trust}) {
    sim::World other;
    other.settings.server_cleartext_password = true;
    other.add_user("ann", "secret");
    other.postgres.options().auth = auth;
    other.postgres.options().passwords["ann"] = "secret";
    EXPECT_TRUE(other.client().logged_in()) << "auth method " << static_cast<int>(auth);
    EXPECT_EQ(other.finish(), "");
  }
}

TEST_F(LoginTest, a_password_is_not_told_where_the_settings_forbid_it) {
  world.add_user("ann", "secret");
  world.postgres.options().auth = ServerOptions::Auth::cleartext;
  world.postgres.options().passwords["ann"] = "secret";
  sim::Client& client = world.client();
  EXPECT_FALSE(client.logged_in());
  for (const auto& [socket, record] : world.shell().records()) {
    EXPECT_EQ(record.sent.find("secret"), std::string::npos) << "the password went out";
  }
}

TEST_F(LoginTest, a_server_that_refuses_us_is_told_to_the_client) {
  world.add_user("ann", "secret");
  world.postgres.options().auth = ServerOptions::Auth::scram;
  world.postgres.options().passwords["ann"] = "changed";
  sim::Client& client = world.client();
  EXPECT_TRUE(client.heard().ends_with(" EOF"));
  EXPECT_NE(client.error_text().find("password authentication failed"), std::string::npos)
      << client.error_text();
}

TEST_F(LoginTest, a_database_line_has_its_own_name_user_and_password_at_the_server) {
  DatabaseSettings& database = world.settings.databases[0];
  database.dbname = "real";
  database.user = "owner";
  database.credential = world.vault.add(auth::SecretKind::plain, "owners");
  world.postgres.options().databases = {"real"};
  world.postgres.options().auth = ServerOptions::Auth::scram;
  world.postgres.options().passwords["owner"] = "owners";
  EXPECT_TRUE(world.client().logged_in());
  EXPECT_EQ(world.postgres.sessions()[0]->setting("session_authorization"), "owner");
}

TEST_F(LoginTest, a_host_may_be_a_name_and_an_unknown_name_is_told) {
  world.settings.databases[0].host = "db.example";
  world.shell().set_name("db.example", {sim::ipv4(10, 0, 0, 1, 0)});
  EXPECT_TRUE(world.client().logged_in());

  sim::World other;
  other.settings.databases[0].host = "nowhere.example";
  sim::Client& client = other.client();
  other.advance(std::chrono::minutes(3));
  EXPECT_FALSE(client.logged_in());
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(other.finish(), "");
}

TEST_F(LoginTest, a_host_may_be_a_directory_of_unix_sockets) {
  world.settings.databases[0].host = "/run/postgresql";
  Endpoint where;
  where.path = "/run/postgresql/.s.PGSQL.5432";
  world.shell().add_host(where, world.postgres);
  EXPECT_TRUE(world.client().logged_in());
}

TEST_F(LoginTest, a_login_may_come_and_be_answered_a_byte_at_a_time) {
  world.shell_options.cut = [](std::size_t) { return std::size_t{1}; };
  ask_for_passwords();
  world.postgres.options().auth = ServerOptions::Auth::scram;
  world.postgres.options().passwords["ann"] = "secret";
  EXPECT_TRUE(world.client({.password = "secret"}).logged_in());
}

TEST_F(LoginTest, a_query_right_behind_the_login_is_answered) {
  sim::Client& client = world.connect();
  client.say(sim::startup({{"user", "ann"}, {"database", "db"}}) + sim::query("select 'a'"));
  world.run();
  EXPECT_TRUE(client.logged_in());
  EXPECT_EQ(client.heard(), "T D(a) C(SELECT 1) Z(I)");
}

TEST_F(LoginTest, accepting_begins_with_the_first_step_and_pauses_without_descriptors) {
  EXPECT_TRUE(world.shell().accepting());
  world.shell().fail_accept(Reason::out_of_descriptors);
  world.run();
  EXPECT_FALSE(world.shell().accepting());
  world.advance(std::chrono::seconds(1));
  EXPECT_TRUE(world.shell().accepting());
  EXPECT_EQ(world.shell().note_count(NoteKind::accept_paused), 1u);
}

}  // namespace
}  // namespace pgweir
