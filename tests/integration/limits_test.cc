// What is bounded, who waits, and what is said when nothing is left.
#include <gtest/gtest.h>

#include <sys/resource.h>

#include <algorithm>

#include "tests/integration/environment.h"
#include "tests/integration/pooler.h"
#include "tests/integration/raw_client.h"

namespace pgweir::integration {

namespace {

std::string servers_of(Session& direct, const std::string& user) {
  return direct.value("SELECT count(*) FROM pg_stat_activity WHERE usename = '" + user + "'");
}

class Limits : public IntegrationTest {};

TEST_F(Limits, a_full_pool_is_told_after_query_wait_timeout) {
  Pooler pooler({.settings = {{"default_pool_size", "1"}, {"query_wait_timeout", "0.5"}}});
  Session holder = pooler.session();
  Session waiter = pooler.session();
  ASSERT_EQ(holder.value("BEGIN"), "BEGIN");
  const Answer answer = waiter.run("SELECT 1");
  EXPECT_EQ(answer.sqlstate, "53300") << answer.value();
  EXPECT_NE(answer.message.find("query_wait_timeout"), std::string::npos) << answer.message;
  EXPECT_EQ(holder.value("COMMIT"), "COMMIT");
  EXPECT_EQ(pooler.session().value("SELECT 6 * 7"), "42");
}

TEST_F(Limits, waiters_are_served_in_their_order) {
  Pooler pooler({.settings = {{"default_pool_size", "1"}}});
  Session direct = postgres().direct();
  direct.run("DROP TABLE IF EXISTS served");
  ASSERT_EQ(direct.value("CREATE TABLE served (n serial, who int); GRANT ALL ON served TO PUBLIC; "
                         "GRANT ALL ON SEQUENCE served_n_seq TO PUBLIC"),
            "GRANT");
  Session holder = pooler.session();
  ASSERT_EQ(holder.value("BEGIN"), "BEGIN");
  std::vector<Session> waiters;
  for (int i = 0; i < 6; ++i) waiters.push_back(pooler.session());
  for (int i = 0; i < 6; ++i) {
    waiters[static_cast<std::size_t>(i)].send("INSERT INTO served (who) VALUES (" +
                                              std::to_string(i) + ")");
    ASSERT_TRUE(pooler.waits_for_clients_waiting(i + 1));
  }
  ASSERT_EQ(holder.value("COMMIT"), "COMMIT");
  for (Session& waiter : waiters) EXPECT_EQ(waiter.outcome().value(), "INSERT 0 1");
  EXPECT_EQ(direct.value("SELECT string_agg(who::text, '' ORDER BY n) FROM served"), "012345");
}

TEST_F(Limits, one_client_too_many_is_refused_but_an_admin_gets_in) {
  Pooler pooler({.settings = {{"max_client_conn", "3"}}});
  std::vector<Session> sessions;
  for (int i = 0; i < 3; ++i) sessions.push_back(pooler.session());
  for (Session& session : sessions) EXPECT_EQ(session.value("SELECT 6 * 7"), "42");
  Session refused = pooler.session();
  EXPECT_FALSE(refused.connected());
  EXPECT_EQ(refused.login_sqlstate(), "53300") << refused.failure();
  EXPECT_NE(refused.failure().find("max_client_conn"), std::string::npos) << refused.failure();
  EXPECT_EQ(pooler.console().run("SHOW POOLS").status, PGRES_TUPLES_OK);
  sessions.pop_back();
  EXPECT_TRUE(eventually([&] { return pooler.session().value("SELECT 6 * 7") == "42"; }));
}

// Both users share a limit of one; an idle server of the other's pool gives way.
TEST_F(Limits, a_shared_limit_moves_to_whoever_waits) {
  Pooler pooler({.databases = {{"appdb", host_of_postgres() + " max_db_connections=1"}}});
  Session one = pooler.session("app");
  Session two = pooler.session("other");
  Session console = pooler.console();
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(one.value("SELECT current_user"), "app");
    EXPECT_EQ(two.value("SELECT current_user"), "other");
    EXPECT_LE(console.run("SHOW SERVERS").rows.size(), 1u);
  }
}

TEST_F(Limits, a_user_s_servers_are_limited_over_all_databases) {
  Pooler pooler({.databases = {{"appdb", host_of_postgres()}, {"otherdb", host_of_postgres()}},
                 .users = {{"app", "max_user_connections=2"}}});
  Session direct = postgres().direct();
  std::vector<Session> sessions;
  for (int i = 0; i < 6; ++i)
    sessions.push_back(pooler.session("app", i % 2 ? "appdb" : "otherdb"));
  for (Session& session : sessions) session.send("SELECT pg_sleep(0.1)");
  int most = 0;
  for (Session& session : sessions) {
    most = std::max(most, std::stoi(servers_of(direct, "app")));
    EXPECT_TRUE(session.outcome().ok());
  }
  EXPECT_EQ(most, 2);
}

TEST_F(Limits, the_reserve_opens_when_somebody_waited_long) {
  Pooler pooler({.settings = {{"default_pool_size", "1"},
                              {"reserve_pool_size", "1"},
                              {"reserve_pool_timeout", "0.3"}}});
  Session holder = pooler.session();
  Session waiter = pooler.session();
  Session third = pooler.session();
  ASSERT_EQ(holder.value("BEGIN"), "BEGIN");
  EXPECT_EQ(waiter.value("BEGIN"), "BEGIN") << "by a server of the reserve";
  third.send("SELECT 6 * 7");
  ASSERT_TRUE(pooler.waits_for_clients_waiting(1));
  EXPECT_EQ(holder.value("COMMIT"), "COMMIT");
  EXPECT_EQ(third.outcome().value(), "42");
}

TEST_F(Limits, a_pool_of_a_forced_user_keeps_its_minimum) {
  Pooler pooler({.databases = {{"appdb", host_of_postgres() +
                                             " min_pool_size=3 user=other password=" + password}}});
  Session direct = postgres().direct();
  EXPECT_TRUE(eventually([&] { return servers_of(direct, "other") == "3"; }))
      << servers_of(direct, "other") << " servers";
}

TEST_F(Limits, a_pool_grows_to_what_its_clients_need) {
  Pooler pooler({.settings = {{"default_pool_size", "10"}}});
  Session direct = postgres().direct();
  std::vector<Session> sessions;
  for (int i = 0; i < 10; ++i) sessions.push_back(pooler.session());
  for (Session& session : sessions) session.send("SELECT pg_sleep(1)");
  EXPECT_TRUE(eventually([&] { return servers_of(direct, "app") == "10"; }))
      << servers_of(direct, "app") << " servers while ten clients were busy";
  for (Session& session : sessions) EXPECT_TRUE(session.outcome().ok());
}

// A client that does not read its result costs one buffer, and no more than that.
TEST_F(Limits, a_slow_reader_costs_no_memory) {
  Pooler pooler({.settings = {{"auth_type", "trust"}}});
  RawClient client(pooler.port());
  ASSERT_TRUE(client.log_in("app", "appdb"));
  ASSERT_EQ(client.value("SELECT 6 * 7"), "42");
  const long before = pooler.memory_kib();
  ASSERT_TRUE(client.send(query("SELECT repeat('x', 100000) FROM generate_series(1, 2000)")));
  Session direct = postgres().direct();
  // PostgreSQL itself waits for its reader: everything on the way is as full as it gets.
  ASSERT_TRUE(eventually([&] {
    return direct.value(
               "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND "
               "wait_event = 'ClientWrite'") == "1";
  }));
  EXPECT_LT(pooler.memory_kib() - before, 2048);
  EXPECT_EQ(pooler.session().value("SELECT 6 * 7"), "42") << "others are served meanwhile";
  std::size_t size = 0;
  for (const Message& row : client.read_until_ready()) size += row.body.size();
  EXPECT_GT(size, 200'000'000u) << "the whole result comes in the end";
  EXPECT_LT(pooler.memory_kib() - before, 2048);
}

TEST_F(Limits, ten_thousand_idle_clients) {
  constexpr std::size_t count = 10'000;
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_max < count + 500) GTEST_SKIP() << "ulimit -Hn is " << files.rlim_max;
  Pooler pooler({.settings = {{"auth_type", "trust"}, {"max_client_conn", "10010"}}});
  std::vector<RawClient> clients;
  const auto log_in_one = [&] {
    clients.emplace_back(pooler.port());
    return clients.back().log_in("app", "appdb");
  };
  ASSERT_TRUE(log_in_one());
  ASSERT_EQ(clients.front().value("SELECT 6 * 7"), "42");
  const long before = pooler.memory_kib();
  while (clients.size() < count + 1) ASSERT_TRUE(log_in_one()) << "client " << clients.size();
  const auto bytes_each = (pooler.memory_kib() - before) * 1024 / static_cast<long>(count);
  RecordProperty("bytes_per_idle_client", static_cast<int>(bytes_each));
  std::printf("%ld bytes of the pooler's memory for each idle client\n", bytes_each);
  EXPECT_LE(bytes_each, 1536) << "docs/performance.md promises 1.5 KiB";
  for (std::size_t i = 0; i < clients.size(); i += 97) {
    ASSERT_EQ(clients[i].value("SELECT " + std::to_string(i)), std::to_string(i));
  }
}

}  // namespace

}  // namespace pgweir::integration
