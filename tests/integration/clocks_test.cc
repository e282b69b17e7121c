// Every timeout: who is ended, by which SQLSTATE, with the setting's name in the text.
#include <gtest/gtest.h>

#include "tests/integration/environment.h"
#include "tests/integration/pooler.h"
#include "tests/integration/raw_client.h"

namespace pgweir::integration {

namespace {

class Clocks : public IntegrationTest {
 protected:
  // The next message of a client that says nothing: the pooler's last word.
  static void expect_ended(RawClient& client, const std::string& sqlstate,
                           const std::string& setting) {
    const std::optional<Message> error = client.read_message();
    ASSERT_TRUE(error.has_value()) << "closed, or left waiting, without a word";
    ASSERT_EQ(error->type, 'E');
    EXPECT_EQ(error_field(*error, 'S'), "FATAL");
    EXPECT_EQ(error_field(*error, 'C'), sqlstate) << error_field(*error, 'M');
    EXPECT_NE(error_field(*error, 'M').find(setting), std::string::npos)
        << error_field(*error, 'M');
    EXPECT_TRUE(client.at_end());
  }
};

PoolerConfig config_with(const std::string& setting, const std::string& value) {
  return {.settings = {{"auth_type", "trust"}, {"default_pool_size", "1"}, {setting, value}}};
}

TEST_F(Clocks, idle_transaction_timeout) {
  Pooler pooler(config_with("idle_transaction_timeout", "0.5"));
  RawClient client(pooler.port());
  ASSERT_TRUE(client.log_in("app", "appdb"));
  ASSERT_EQ(client.value("BEGIN"), "BEGIN");
  expect_ended(client, "25P03", "idle_transaction_timeout");
  EXPECT_EQ(pooler.session().value("SELECT 6 * 7"), "42") << "the only server is free again";
}

TEST_F(Clocks, transaction_timeout) {
  Pooler pooler(config_with("transaction_timeout", "0.5"));
  RawClient client(pooler.port());
  ASSERT_TRUE(client.log_in("app", "appdb"));
  ASSERT_EQ(client.value("BEGIN"), "BEGIN");
  expect_ended(client, "25P04", "transaction_timeout");
  EXPECT_EQ(pooler.session().value("SELECT 6 * 7"), "42");
}

TEST_F(Clocks, query_timeout) {
  Pooler pooler(config_with("query_timeout", "0.5"));
  RawClient client(pooler.port());
  ASSERT_TRUE(client.log_in("app", "appdb"));
  ASSERT_TRUE(client.send(query("SELECT pg_sleep(600)")));
  expect_ended(client, "57014", "query_timeout");
  EXPECT_EQ(pooler.session().value("SELECT 6 * 7"), "42");
}

TEST_F(Clocks, client_idle_timeout) {
  Pooler pooler(config_with("client_idle_timeout", "0.5"));
  RawClient client(pooler.port());
  ASSERT_TRUE(client.log_in("app", "appdb"));
  ASSERT_EQ(client.value("SELECT 6 * 7"), "42");
  expect_ended(client, "57P05", "client_idle_timeout");
}

TEST_F(Clocks, client_login_timeout) {
  Pooler pooler({.settings = {{"client_login_timeout", "0.5"}}});
  RawClient client(pooler.port());
  ASSERT_TRUE(client.send(startup(protocol_3_0, {{"user", "app"}, {"database", "appdb"}})));
  const std::optional<Message> request = client.read_message();
  ASSERT_TRUE(request && request->type == 'R') << "SCRAM begins with AuthenticationSASL";
  expect_ended(client, "57014", "client_login_timeout");
}

TEST_F(Clocks, client_login_timeout_of_a_client_that_says_nothing) {
  Pooler pooler({.settings = {{"client_login_timeout", "0.5"}}});
  RawClient client(pooler.port());
  EXPECT_TRUE(client.at_end());
}

// A transaction that goes on, statement by statement, is not idle.
TEST_F(Clocks, idle_transaction_timeout_spares_the_busy) {
  Pooler pooler(config_with("idle_transaction_timeout", "0.5"));
  Session session = pooler.session();
  ASSERT_EQ(session.value("BEGIN"), "BEGIN");
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(session.run("SELECT pg_sleep(0.2)").ok());
  EXPECT_TRUE(session.run("SELECT pg_sleep(1)").ok()) << "a long query is not idleness";
  EXPECT_EQ(session.value("COMMIT"), "COMMIT");
}

TEST_F(Clocks, server_idle_timeout_closes_idle_servers) {
  Pooler pooler(config_with("server_idle_timeout", "0.5"));
  Session session = pooler.session();
  Session direct = postgres().direct();
  const std::string server = session.value("SELECT pg_backend_pid()");
  EXPECT_TRUE(eventually([&] {
    return direct.value("SELECT count(*) FROM pg_stat_activity WHERE pid = " + server) == "0";
  }));
  EXPECT_EQ(session.value("SELECT 6 * 7"), "42");
}

TEST_F(Clocks, server_lifetime_replaces_servers_between_transactions) {
  Pooler pooler(config_with("server_lifetime", "1"));
  Session session = pooler.session();
  const std::string server = session.value("SELECT pg_backend_pid()");
  ASSERT_EQ(session.value("BEGIN"), "BEGIN");
  EXPECT_TRUE(session.run("SELECT pg_sleep(1.5)").ok()) << "never in a transaction";
  EXPECT_EQ(session.value("SELECT pg_backend_pid()"), server);
  ASSERT_EQ(session.value("COMMIT"), "COMMIT");
  EXPECT_TRUE(eventually([&] { return session.value("SELECT pg_backend_pid()") != server; }));
}

// A host that accepts and then says nothing.
TEST_F(Clocks, server_connect_timeout_ends_a_silent_host) {
  Pooler silent_upstream({.settings = {{"client_login_timeout", "60"}}});
  silent_upstream.process().signal(SIGSTOP);
  Pooler pooler(
      {.settings = {{"auth_type", "trust"},
                    {"server_connect_timeout", "0.5"},
                    {"client_login_timeout", "3"}},
       .databases = {{"appdb", "host=127.0.0.1 port=" + std::to_string(silent_upstream.port())}}});
  Session session = pooler.session();
  const std::string why = session.connected() ? session.value("SELECT 1") : session.failure();
  EXPECT_NE(why.find("server_connect_timeout"), std::string::npos) << why;
}

}  // namespace

}  // namespace pgweir::integration
