// A cancel hits its own statement or nothing (PostgreSQL: "Canceling Requests in Progress").
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/integration/environment.h"
#include "tests/integration/pooler.h"
#include "tests/integration/raw_client.h"

namespace pgweir::integration {

namespace {

// Whether PostgreSQL runs a statement that begins like this.
bool runs(Session& direct, const std::string& start, int count = 1) {
  return direct.value(
             "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query "
             "LIKE '" +
             start + "%' AND usename <> 'postgres'") == std::to_string(count);
}

class Cancel : public IntegrationTest {};

TEST_F(Cancel, hits_the_statement_that_runs) {
  Pooler pooler({.settings = {{"default_pool_size", "1"}}});
  Session direct = postgres().direct();
  Session session = pooler.session();
  session.send("SELECT pg_sleep(60)");
  ASSERT_TRUE(eventually([&] { return runs(direct, "SELECT pg_sleep(60)"); }));
  EXPECT_EQ(cancel(session), "");
  EXPECT_EQ(session.outcome().sqlstate, "57014");
  EXPECT_EQ(session.value("SELECT 6 * 7"), "42");
}

TEST_F(Cancel, hits_the_statement_in_a_transaction_and_leaves_it_failed) {
  Pooler pooler;
  Session direct = postgres().direct();
  Session session = pooler.session();
  ASSERT_EQ(session.value("BEGIN"), "BEGIN");
  session.send("SELECT pg_sleep(60)");
  ASSERT_TRUE(eventually([&] { return runs(direct, "SELECT pg_sleep(60)"); }));
  EXPECT_EQ(cancel(session), "");
  EXPECT_EQ(session.outcome().sqlstate, "57014");
  EXPECT_EQ(session.run("SELECT 1").sqlstate, "25P02");
  EXPECT_EQ(session.value("ROLLBACK"), "ROLLBACK");
}

// One server, and the idle client was the last to hold it: a pooler that remembers too long would
// cancel the wrong one.
TEST_F(Cancel, of_an_idle_client_misses_the_one_that_has_the_server_now) {
  Pooler pooler({.settings = {{"default_pool_size", "1"}}});
  Session direct = postgres().direct();
  Session idle = pooler.session();
  Session busy = pooler.session();
  ASSERT_EQ(idle.value("SELECT 1"), "1");
  busy.send("SELECT pg_sleep(1)");
  ASSERT_TRUE(eventually([&] { return runs(direct, "SELECT pg_sleep(1)"); }));
  EXPECT_EQ(cancel(idle), "");
  const Answer answer = busy.outcome();
  EXPECT_TRUE(answer.ok()) << answer.value();
  EXPECT_EQ(idle.value("SELECT 6 * 7"), "42");
}

TEST_F(Cancel, of_an_idle_client_does_not_hit_its_next_statement) {
  Pooler pooler({.settings = {{"default_pool_size", "1"}}});
  Session session = pooler.session();
  for (int round = 0; round < 20; ++round) {
    ASSERT_EQ(session.value("SELECT 1"), "1");
    ASSERT_EQ(cancel(session), "");
    ASSERT_EQ(session.run("SELECT pg_sleep(0.02)").status, PGRES_TUPLES_OK) << round;
  }
}

// The statement may be over before its cancel arrives; the transaction's next one is not to blame.
TEST_F(Cancel, that_comes_late_does_not_hit_the_next_statement_of_the_transaction) {
  Pooler pooler({.settings = {{"default_pool_size", "1"}}});
  Session session = pooler.session();
  for (int round = 0; round < 30; ++round) {
    ASSERT_EQ(session.value("BEGIN"), "BEGIN");
    session.send("SELECT pg_sleep(0.001)");
    ASSERT_EQ(cancel(session), "");
    if (session.outcome().ok()) {
      const Answer next = session.run("SELECT pg_sleep(0.03)");
      ASSERT_TRUE(next.ok()) << "round " << round << ": " << next.value();
    }
    ASSERT_EQ(session.value("ROLLBACK"), "ROLLBACK");
  }
}

TEST_F(Cancel, with_a_wrong_key_hits_nobody) {
  Pooler pooler({.settings = {{"auth_type", "trust"}}});
  Session direct = postgres().direct();
  for (const std::uint32_t version : {protocol_3_0, protocol_3_2}) {
    RawClient client(pooler.port());
    ASSERT_TRUE(client.log_in("app", "appdb", {}, version));
    ASSERT_TRUE(client.send(query("SELECT pg_sleep(1)")));
    ASSERT_TRUE(eventually([&] { return runs(direct, "SELECT pg_sleep(1)"); }));
    const std::string right = client.key_secret();
    std::vector<std::string> wrong{"",           right.substr(0, 3),    right.substr(0, 4) + "more",
                                   right + '\0', std::string(256, 'x'), std::string(257, 'x')};
    for (std::size_t i = 0; i < right.size(); ++i) {
      wrong.push_back(right);
      wrong.back()[i] = static_cast<char>(right[i] ^ 0x10);
    }
    for (const std::string& secret : wrong) {
      RawClient wrong_secret(pooler.port());
      ASSERT_TRUE(wrong_secret.send(cancel_request(client.key_pid(), secret)));
      EXPECT_TRUE(wrong_secret.at_end()) << "a cancel request is answered by a close";
    }
    for (const std::uint32_t flipped : {1u, 0x80000000u, 0xffffffffu}) {
      RawClient wrong_pid(pooler.port());
      ASSERT_TRUE(wrong_pid.send(cancel_request(client.key_pid() ^ flipped, right)));
      EXPECT_TRUE(wrong_pid.at_end());
    }
    EXPECT_EQ(types(client.read_until_ready()), "TDCZ");
  }
}

// PostgreSQL: "Protocol Versions": a secret is longer from 3.2 on.
TEST_F(Cancel, with_the_key_of_its_protocol_hits_the_statement) {
  Pooler pooler({.settings = {{"auth_type", "trust"}}});
  Session direct = postgres().direct();
  for (const auto& [version, size] :
       {std::pair{protocol_3_0, 4u}, {protocol_3_0 + 1, 4u}, {protocol_3_2, 32u}}) {
    RawClient client(pooler.port());
    ASSERT_TRUE(client.log_in("app", "appdb", {}, version));
    EXPECT_EQ(client.key_secret().size(), size) << "minor " << (version & 0xffff);
    ASSERT_TRUE(client.send(query("SELECT pg_sleep(60)")));
    ASSERT_TRUE(eventually([&] { return runs(direct, "SELECT pg_sleep(60)"); }));
    RawClient canceller(pooler.port());
    ASSERT_TRUE(canceller.send(cancel_request(client.key_pid(), client.key_secret())));
    EXPECT_TRUE(canceller.at_end());
    const std::vector<Message> answer = client.read_until_ready();
    ASSERT_EQ(types(answer), "TEZ");
    EXPECT_EQ(error_field(answer[1], 'C'), "57014");
  }
}

// Behind one address: the request comes to the wrong one of two processes.
TEST_F(Cancel, for_a_client_of_another_replica_is_closed_and_told_in_the_log) {
  Pooler here({.settings = {{"auth_type", "trust"}}});
  Pooler there({.settings = {{"auth_type", "trust"}}});
  Session direct = postgres().direct();
  for (const std::uint32_t version : {protocol_3_0, protocol_3_2}) {
    RawClient client(here.port());
    ASSERT_TRUE(client.log_in("app", "appdb", {}, version));
    ASSERT_TRUE(client.send(query("SELECT pg_sleep(1)")));
    ASSERT_TRUE(eventually([&] { return runs(direct, "SELECT pg_sleep(1)"); }));
    RawClient canceller(there.port());
    ASSERT_TRUE(canceller.send(cancel_request(client.key_pid(), client.key_secret())));
    EXPECT_TRUE(canceller.at_end());
    EXPECT_EQ(types(client.read_until_ready()), "TDCZ");
  }
  EXPECT_TRUE(eventually([&] { return there.log().contains("event=foreign_cancels"); }));
  EXPECT_FALSE(here.log().contains("event=foreign_cancels"));
}

TEST_F(Cancel, of_a_waiting_client_is_answered_and_its_session_goes_on) {
  Pooler pooler({.settings = {{"default_pool_size", "1"}}});
  Session holder = pooler.session();
  Session waiter = pooler.session();
  ASSERT_EQ(holder.value("BEGIN"), "BEGIN");
  waiter.send("SELECT 'too late'");
  ASSERT_TRUE(pooler.waits_for_clients_waiting(1));
  EXPECT_EQ(cancel(waiter), "");
  const Answer answer = waiter.outcome();
  EXPECT_EQ(answer.sqlstate, "57014") << answer.value();
  EXPECT_EQ(holder.value("COMMIT"), "COMMIT");
  ASSERT_TRUE(waiter.connected());
  EXPECT_EQ(waiter.value("SELECT 6 * 7"), "42");
}

// One client cancels all the time, another works on the same server: it must never be hit.
TEST_F(Cancel, storm_of_one_client_never_hits_another) {
  Pooler pooler({.settings = {{"default_pool_size", "1"}}});
  Session stormy = pooler.session();
  Session quiet = pooler.session();
  std::atomic<bool> over = false;
  std::jthread storm([&] {
    while (!over) {
      stormy.send("SELECT pg_sleep(0.001)");
      cancel(stormy);
      stormy.results();
    }
  });
  for (int round = 0; round < 300; ++round) {
    const Answer answer = quiet.run("SELECT pg_sleep(0.001)");
    EXPECT_TRUE(answer.ok()) << "round " << round << ": " << answer.value();
    if (!answer.ok()) break;
  }
  over = true;
}

TEST_F(Cancel, many_at_once_hit_each_its_own) {
  Pooler pooler;
  Session direct = postgres().direct();
  std::vector<Session> sessions;
  for (int i = 0; i < 5; ++i) sessions.push_back(pooler.session());
  for (Session& session : sessions) session.send("SELECT pg_sleep(60)");
  ASSERT_TRUE(eventually([&] { return runs(direct, "SELECT pg_sleep(60)", 5); }));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(cancel(sessions[i]), "");
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(sessions[i].outcome().sqlstate, "57014");
  EXPECT_TRUE(runs(direct, "SELECT pg_sleep(60)")) << "the fifth was not cancelled";
  EXPECT_EQ(cancel(sessions[4]), "");
  EXPECT_EQ(sessions[4].outcome().sqlstate, "57014");
}

}  // namespace

}  // namespace pgweir::integration
