// Who gets in, how, and what everybody else is told.
#include <gtest/gtest.h>

#include "tests/integration/environment.h"
#include "tests/integration/pooler.h"
#include "tests/integration/raw_client.h"

namespace pgweir::integration {

namespace {

std::string conninfo_with(const Pooler& pooler, const std::string& user,
                          const std::string& secret) {
  return "host=127.0.0.1 port=" + std::to_string(pooler.port()) + " dbname=appdb user=" + user +
         " password=" + secret + " sslmode=disable gssencmode=disable";
}

class Login : public IntegrationTest {};

TEST_F(Login, a_wrong_password_is_refused) {
  Pooler pooler;
  Session session(conninfo_with(pooler, "app", "wrong"));
  EXPECT_FALSE(session.connected());
  EXPECT_EQ(session.login_sqlstate(), "28P01") << session.failure();
}

TEST_F(Login, an_unknown_user_looks_like_a_wrong_password) {
  Pooler pooler;
  const Session known(conninfo_with(pooler, "app", "wrong"));
  const Session unknown(conninfo_with(pooler, "nobody_here", "wrong"));
  EXPECT_EQ(unknown.login_sqlstate(), "28P01") << unknown.failure();
  std::string expected = known.failure();
  const std::size_t name = expected.find("\"app\"");
  if (name != std::string::npos) expected.replace(name, 5, "\"nobody_here\"");
  EXPECT_EQ(unknown.failure(), expected);
}

TEST_F(Login, an_unknown_database_is_named) {
  Pooler pooler;
  const Session session = pooler.session("app", "nowhere");
  EXPECT_FALSE(session.connected());
  EXPECT_EQ(session.login_sqlstate(), "3D000") << session.failure();
  EXPECT_NE(session.failure().find("nowhere"), std::string::npos) << session.failure();
}

// Who could not log in must not learn which databases there are.
TEST_F(Login, an_unknown_database_is_not_told_to_strangers) {
  Pooler pooler;
  const Session session(conninfo_with(pooler, "app", "wrong") + " dbname=nowhere");
  EXPECT_EQ(session.login_sqlstate(), "28P01") << session.failure();
}

TEST_F(Login, a_stored_verifier_lets_its_user_in) {
  const std::string verifier =
      postgres().direct().value("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'");
  Pooler pooler({.databases = {{"appdb", host_of_postgres() + " user=app password=" + password}},
                 .passwords = {{"app", verifier}}});
  EXPECT_EQ(pooler.session().value("SELECT 6 * 7"), "42");
  EXPECT_EQ(Session(conninfo_with(pooler, "app", "wrong")).login_sqlstate(), "28P01");
}

TEST_F(Login, trust_asks_for_no_password_but_knows_its_users) {
  Pooler pooler({.settings = {{"auth_type", "trust"}}});
  EXPECT_EQ(Session(conninfo_with(pooler, "app", "wrong")).value("SELECT 6 * 7"), "42");
  EXPECT_FALSE(Session(conninfo_with(pooler, "nobody_here", "x")).connected());
}

TEST_F(Login, encryption_requests_are_declined_and_the_login_goes_on) {
  Pooler pooler({.settings = {{"auth_type", "trust"}}});
  for (const auto& codes :
       std::vector<std::vector<std::uint32_t>>{{ssl_request_code},
                                               {gss_request_code},
                                               {gss_request_code, ssl_request_code},
                                               {ssl_request_code, gss_request_code}}) {
    RawClient client(pooler.port());
    for (const std::uint32_t code : codes) {
      ASSERT_TRUE(client.send(request(code)));
      ASSERT_EQ(client.read(1), "N");
    }
    EXPECT_TRUE(client.log_in("app", "appdb"));
    EXPECT_EQ(client.value("SELECT 6 * 7"), "42");
  }
}

// PostgreSQL: "NegotiateProtocolVersion": the newest minor we know, and the options we do not.
TEST_F(Login, newer_protocols_are_negotiated_exactly_once) {
  Pooler pooler({.settings = {{"auth_type", "trust"}}});
  const StartupParameters plain = {{"user", "app"}, {"database", "appdb"}};
  StartupParameters with_options = plain;
  with_options.insert(with_options.end(), {{"_pq_.tides", "1"}, {"_pq_.moon", "full"}});
  const std::string zero(1, '\0');
  struct Case {
    std::uint32_t version;
    StartupParameters parameters;
    std::string negotiated;  // the body; empty: none is sent
  };
  for (const Case& each :
       {Case{0x00030000, plain, ""}, Case{0x00030001, plain, ""}, Case{0x00030002, plain, ""},
        Case{0x00030003, plain, int32(0x00030002) + int32(0)},
        Case{0x0003270f, with_options,
             int32(0x00030002) + int32(2) + "_pq_.tides" + zero + "_pq_.moon" + zero},
        Case{0x00030002, with_options,
             int32(0x00030002) + int32(2) + "_pq_.tides" + zero + "_pq_.moon" + zero},
        Case{0x00030000, with_options,
             int32(0x00030000) + int32(2) + "_pq_.tides" + zero + "_pq_.moon" + zero}}) {
    RawClient client(pooler.port());
    ASSERT_TRUE(client.send(startup(each.version, each.parameters)));
    const std::vector<Message> answers = client.read_until_ready();
    std::vector<std::string> negotiated;
    for (const Message& answer : answers) {
      if (answer.type == 'v') negotiated.push_back(answer.body);
    }
    const std::vector<std::string> expected(each.negotiated.empty() ? 0 : 1, each.negotiated);
    EXPECT_EQ(negotiated, expected) << "minor " << (each.version & 0xffff);
    ASSERT_FALSE(answers.empty());
    if (!expected.empty()) {
      EXPECT_EQ(answers.front().type, 'v');
    }
    EXPECT_EQ(client.value("SELECT 6 * 7"), "42");
  }
}

TEST_F(Login, an_old_or_unknown_major_protocol_is_refused_with_words) {
  Pooler pooler({.settings = {{"auth_type", "trust"}}});
  for (const std::uint32_t version : {0x00020000u, 0x00040000u}) {
    RawClient client(pooler.port());
    ASSERT_TRUE(client.send(startup(version, {{"user", "app"}})));
    const std::optional<Message> answer = client.read_message();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->type, 'E');
    EXPECT_TRUE(client.at_end());
  }
}

TEST_F(Login, startup_packets_that_are_none_are_dropped) {
  Pooler pooler({.settings = {{"auth_type", "trust"}}});
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\n\r\n"), int32(0) + int32(0),
        int32(20000) + int32(protocol_3_0), int32(7) + "abc", std::string(64, '\0')}) {
    RawClient client(pooler.port());
    client.send(bytes);
    EXPECT_TRUE(client.at_end());
  }
  EXPECT_EQ(pooler.session().value("SELECT 6 * 7"), "42");
}

TEST_F(Login, options_that_are_none_are_refused) {
  Pooler pooler;
  const Session session = pooler.session("app", "appdb", "options='-x'");
  EXPECT_FALSE(session.connected());
  EXPECT_NE(session.failure().find("options"), std::string::npos) << session.failure();
}

TEST_F(Login, an_ignored_startup_parameter_is_no_obstacle) {
  Pooler pooler({.settings = {{"auth_type", "trust"},
                              {"ignore_startup_parameters", "extra_float_digits, geqo"}}});
  RawClient client(pooler.port());
  ASSERT_TRUE(client.log_in("app", "appdb", {{"extra_float_digits", "3"}, {"geqo", "off"}}));
  EXPECT_EQ(client.value("SHOW geqo"), "on") << "ignored means not set";
  RawClient other(pooler.port());
  ASSERT_TRUE(other.log_in("app", "appdb", {{"enable_sort", "off"}}));
  EXPECT_EQ(other.value("SHOW enable_sort"), "off") << "it is not in the list";
}

TEST_F(Login, the_server_s_parameters_are_told_to_clients) {
  Pooler pooler({.settings = {{"auth_type", "trust"}}});
  RawClient direct(postgres().port());
  RawClient client(pooler.port());
  ASSERT_TRUE(direct.log_in("trusted", "appdb"));
  ASSERT_TRUE(client.log_in("trusted", "appdb"));
  for (const char* name :
       {"server_version", "server_encoding", "client_encoding", "DateStyle", "TimeZone",
        "integer_datetimes", "standard_conforming_strings", "IntervalStyle"}) {
    ASSERT_TRUE(direct.parameters().contains(name)) << name;
    ASSERT_TRUE(client.parameters().contains(name)) << name;
    EXPECT_EQ(client.parameters().at(name), direct.parameters().at(name)) << name;
  }
}

TEST_F(Login, servers_are_reached_by_every_way_to_prove_oneself) {
  Pooler pooler({.settings = {{"server_cleartext_password", "1"}}});
  for (const char* user : {"app", "md5user", "plainuser", "trusted"}) {
    EXPECT_EQ(pooler.session(user).value("SELECT current_user"), user);
  }
}

TEST_F(Login, a_password_is_never_told_to_a_server_unless_allowed) {
  Pooler pooler;
  Session session = pooler.session("plainuser");
  const std::string why = session.connected() ? session.value("SELECT 1") : session.failure();
  EXPECT_NE(why.find("server_cleartext_password"), std::string::npos) << why;
}

TEST_F(Login, a_database_may_force_its_user) {
  Pooler pooler({.databases = {{"appdb", host_of_postgres() + " user=other password='" +
                                             std::string(password) + "'"}}});
  EXPECT_EQ(pooler.session().value("SELECT current_user"), "other");
}

TEST_F(Login, a_database_may_have_another_name_at_postgresql) {
  Pooler pooler({.databases = {{"alias", host_of_postgres() + " dbname=otherdb"}}});
  EXPECT_EQ(pooler.session("app", "alias").value("SELECT current_database()"), "otherdb");
}

TEST_F(Login, the_star_stands_for_every_database) {
  Pooler pooler({.databases = {{"*", host_of_postgres()}}});
  EXPECT_EQ(pooler.session().value("SELECT current_database()"), "appdb");
  EXPECT_EQ(pooler.session("app", "otherdb").value("SELECT current_database()"), "otherdb");
  Session nowhere = pooler.session("app", "nowhere");
  const std::string why = nowhere.connected() ? nowhere.value("SELECT 1") : nowhere.failure();
  EXPECT_NE(why.find("\"nowhere\" does not exist"), std::string::npos) << why;
}

TEST_F(Login, a_server_s_refusal_reaches_the_client) {
  Pooler pooler({.databases = {{"appdb", host_of_postgres() + " user=app password=wrong"}}});
  Session session = pooler.session();
  const std::string why = session.connected() ? session.value("SELECT 1") : session.failure();
  EXPECT_NE(why.find("password authentication failed"), std::string::npos) << why;
  EXPECT_EQ(pooler.log().find("password=wrong"), std::string::npos) << "a secret in the log";
}

}  // namespace

}  // namespace pgweir::integration
