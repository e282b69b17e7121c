// One side goes, in every state: the other is told the truth, and nothing of the lost one leaks.
#include <gtest/gtest.h>

#include <thread>

#include "tests/integration/environment.h"
#include "tests/integration/pooler.h"
#include "tests/integration/raw_client.h"

namespace pgweir::integration {

namespace {

const PoolerConfig one_trusted_server{
    .settings = {{"default_pool_size", "1"}, {"auth_type", "trust"}}};

class Loss : public IntegrationTest {
 protected:
  void SetUp() override {
    IntegrationTest::SetUp();
    direct_.run("DROP TABLE IF EXISTS kept");
    ASSERT_EQ(direct_.value("CREATE TABLE kept (n int); GRANT ALL ON kept TO PUBLIC"), "GRANT");
  }

  // Servers of the user app that do this now.
  std::string servers(const std::string& condition) {
    return direct_.value("SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND " +
                         condition);
  }
  bool eventually_none(const std::string& condition) {
    return eventually([&] { return servers(condition) == "0"; });
  }
  void terminate(const std::string& pid) {
    EXPECT_EQ(direct_.value("SELECT pg_terminate_backend(" + pid + ", 10000)"), "t");
  }

  Session direct_ = postgres().direct();
};

TEST_F(Loss, a_client_killed_in_a_transaction_leaves_nothing_and_its_server_is_used_again) {
  Pooler pooler(one_trusted_server);
  Session lost = pooler.session();
  ASSERT_EQ(lost.value("BEGIN; INSERT INTO kept VALUES (1); LOCK TABLE kept"), "LOCK TABLE");
  const std::string server = lost.value("SELECT pg_backend_pid()");
  lost.kill();
  Session next = pooler.session();
  EXPECT_EQ(next.value("SELECT count(*) FROM kept"), "0");
  EXPECT_EQ(next.value("SELECT pg_backend_pid()"), server) << "a new login was not needed";
  EXPECT_EQ(servers("state LIKE 'idle in%'"), "0");
}

TEST_F(Loss, a_client_killed_in_a_failed_transaction_leaves_a_clean_server) {
  Pooler pooler(one_trusted_server);
  Session lost = pooler.session();
  const std::string server = lost.value("SELECT pg_backend_pid()");
  lost.run("BEGIN");
  ASSERT_EQ(lost.run("SELECT 1/0").sqlstate, "22012");
  lost.kill();
  Session next = pooler.session();
  EXPECT_EQ(next.value("SELECT pg_backend_pid()"), server);
}

TEST_F(Loss, a_client_killed_in_a_query_has_it_cancelled) {
  Pooler pooler(one_trusted_server);
  Session lost = pooler.session();
  lost.send("SELECT pg_sleep(600)");
  ASSERT_TRUE(eventually([&] { return servers("query = 'SELECT pg_sleep(600)'") == "1"; }));
  lost.kill();
  EXPECT_TRUE(eventually_none("state = 'active' AND query = 'SELECT pg_sleep(600)'"));
  EXPECT_EQ(pooler.session().value("SELECT 6 * 7"), "42");
}

TEST_F(Loss, a_client_killed_in_a_result_does_not_hand_it_to_the_next) {
  Pooler pooler(one_trusted_server);
  RawClient lost(pooler.port());
  ASSERT_TRUE(lost.log_in("app", "appdb"));
  ASSERT_TRUE(lost.send(query("SELECT repeat('x', 1000) FROM generate_series(1, 100000)")));
  ASSERT_EQ(lost.read(5000).size(), 5000u);
  lost.reset();
  EXPECT_EQ(pooler.session().value("SELECT 6 * 7"), "42");
}

TEST_F(Loss, a_client_killed_in_the_middle_of_a_message_never_has_it_run) {
  Pooler pooler(one_trusted_server);
  RawClient lost(pooler.port());
  ASSERT_TRUE(lost.log_in("app", "appdb"));
  ASSERT_EQ(lost.value("BEGIN"), "BEGIN");
  const std::string half = query("INSERT INTO kept VALUES (1); COMMIT");
  ASSERT_TRUE(lost.send(std::string_view(half).substr(0, half.size() - 10)));
  lost.close();
  Session next = pooler.session();
  EXPECT_EQ(next.value("SELECT count(*) FROM kept"), "0");
  EXPECT_TRUE(eventually_none("state LIKE 'idle in%'"));
}

// So long that PostgreSQL has the first half already: that server can never be used again.
TEST_F(Loss, a_client_killed_in_the_middle_of_a_long_message_costs_its_server) {
  Pooler pooler(one_trusted_server);
  RawClient lost(pooler.port());
  ASSERT_TRUE(lost.log_in("app", "appdb"));
  const std::string server = lost.value("SELECT pg_backend_pid()");
  const std::string half = query("INSERT INTO kept VALUES (1) -- " + std::string(4 << 20, 'x'));
  ASSERT_TRUE(lost.send(std::string_view(half).substr(0, half.size() / 2)));
  lost.reset();
  Session next = pooler.session();
  EXPECT_EQ(next.value("SELECT count(*) FROM kept"), "0");
  EXPECT_NE(next.value("SELECT pg_backend_pid()"), server);
  EXPECT_TRUE(eventually_none("pid = " + server));
}

TEST_F(Loss, a_client_killed_while_it_waits_is_forgotten) {
  Pooler pooler(one_trusted_server);
  Session holder = pooler.session();
  Session lost = pooler.session();
  ASSERT_EQ(holder.value("BEGIN"), "BEGIN");
  lost.send("INSERT INTO kept VALUES (1)");
  ASSERT_TRUE(pooler.waits_for_clients_waiting(1));
  lost.kill();
  ASSERT_TRUE(pooler.waits_for_clients_waiting(0));
  EXPECT_EQ(holder.value("COMMIT"), "COMMIT");
  EXPECT_EQ(pooler.session().value("SELECT count(*) FROM kept"), "0");
}

TEST_F(Loss, a_client_that_only_stops_sending_gets_its_answer) {
  Pooler pooler(one_trusted_server);
  RawClient client(pooler.port());
  ASSERT_TRUE(client.log_in("app", "appdb"));
  ASSERT_TRUE(client.send(query("SELECT pg_sleep(0.2)")));
  client.stop_sending();
  EXPECT_EQ(types(client.read_until_ready()), "TDCZ");
  EXPECT_TRUE(client.at_end());
}

TEST_F(Loss, a_server_that_dies_in_the_pool_is_not_noticed) {
  Pooler pooler(one_trusted_server);
  Session session = pooler.session();
  for (int round = 0; round < 3; ++round) {
    terminate(session.value("SELECT pg_backend_pid()"));
    ASSERT_TRUE(eventually([&] { return pooler.pool("sv_idle") == "0"; }));
    EXPECT_EQ(session.value("SELECT 6 * 7"), "42");
  }
}

TEST_F(Loss, a_server_that_dies_in_a_transaction_is_reported_with_its_reason) {
  Pooler pooler(one_trusted_server);
  Session session = pooler.session();
  ASSERT_EQ(session.value("BEGIN"), "BEGIN");
  terminate(session.value("SELECT pg_backend_pid()"));
  const Answer answer = session.run("SELECT 1");
  EXPECT_EQ(answer.sqlstate, "57P01") << answer.value();
  EXPECT_NE(answer.message.find("administrator command"), std::string::npos) << answer.message;
  EXPECT_EQ(pooler.session().value("SELECT 6 * 7"), "42");
}

TEST_F(Loss, a_server_that_dies_in_a_query_is_reported_with_its_reason) {
  Pooler pooler(one_trusted_server);
  Session session = pooler.session();
  const std::string server = session.value("SELECT pg_backend_pid()");
  session.send("SELECT pg_sleep(600)");
  ASSERT_TRUE(eventually([&] { return servers("query = 'SELECT pg_sleep(600)'") == "1"; }));
  terminate(server);
  const Answer answer = session.outcome();
  EXPECT_EQ(answer.sqlstate, "57P01") << answer.value();
  EXPECT_EQ(pooler.session().value("SELECT 6 * 7"), "42");
}

// Half a DataRow has been forwarded: nothing that could be taken for the other half may follow.
TEST_F(Loss, a_server_that_dies_in_the_middle_of_a_message_ends_the_client_without_a_word) {
  Pooler pooler(one_trusted_server);
  RawClient client(pooler.port());
  ASSERT_TRUE(client.log_in("app", "appdb"));
  const std::string server = client.value("SELECT pg_backend_pid()");
  ASSERT_TRUE(client.send(query("SELECT repeat('x', 30000000)")));
  const std::optional<Message> description = client.read_message();
  ASSERT_TRUE(description && description->type == 'T');
  ASSERT_EQ(client.read(1000).size(), 1000u);
  terminate(server);
  const std::string rest = client.read(30'000'000);
  EXPECT_LT(rest.size(), 29'000'000u) << "the whole row fitted between; make it longer";
  EXPECT_EQ(rest.find_first_not_of('x'), std::string::npos) << "bytes that PostgreSQL never sent";
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(pooler.session().value("SELECT 6 * 7"), "42");
}

TEST_F(Loss, postgresql_may_restart_under_load) {
  Pooler pooler;
  Session idle = pooler.session();
  ASSERT_EQ(idle.value("SELECT 1"), "1");
  std::vector<int> answered(8, 0);
  std::vector<std::jthread> clients;
  for (int& count : answered) {
    clients.emplace_back([&pooler, &count](const std::stop_token& stop) {
      Session session = pooler.session();
      while (!stop.stop_requested()) {
        if (!session.connected()) session = pooler.session();
        if (!session.connected()) continue;
        const Answer answer = session.run("SELECT 6 * 7");
        EXPECT_TRUE(answer.ok() || !answer.sqlstate.empty())
            << "lost without a reason: " << answer.message;
        if (answer.ok()) ++count;
      }
    });
  }
  postgres().stop();
  postgres().start();
  EXPECT_EQ(idle.value("SELECT 6 * 7"), "42") << "an idle client does not notice a restart";
  for (std::jthread& client : clients) client.request_stop();
  clients.clear();
  for (const int count : answered) EXPECT_GT(count, 0);
  EXPECT_EQ(pooler.session().value("SELECT 6 * 7"), "42");
}

// PostgreSQL is away: a client that logs in learns why, and it works again when it is back.
TEST_F(Loss, clients_are_told_when_postgresql_is_away) {
  Pooler pooler({.settings = {{"client_login_timeout", "2"}}});
  direct_.kill();
  postgres().stop();
  Session session = pooler.session();
  const std::string why = session.connected() ? session.value("SELECT 1") : session.failure();
  postgres().start();
  EXPECT_NE(why.find("refused"), std::string::npos) << why;
  EXPECT_TRUE(eventually([&] { return pooler.session().value("SELECT 6 * 7") == "42"; }));
}

}  // namespace

}  // namespace pgweir::integration
