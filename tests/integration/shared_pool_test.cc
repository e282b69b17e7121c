// A pool whose clients and servers are at all of four machines.
#include <gtest/gtest.h>

#include <csignal>
#include <set>
#include <string>
#include <vector>

#include "tests/integration/environment.h"
#include "tests/integration/pooler.h"

namespace pgweir::integration {

namespace {

// Four servers for each machine: this pool's clients are at all of them, and share what there is.
class SharedPool : public IntegrationTest {
 protected:
  SharedPool() {
    for (int i = 0; i < 24; ++i) clients_.push_back(pooler_.session());
    for (Session& client : clients_) EXPECT_EQ(client.value("SELECT 6 * 7"), "42");
  }
  std::size_t machines_of_clients() {
    std::set<int> machines;
    const Answer rows = pooler_.console().run("SHOW CLIENTS");
    for (std::size_t row = 0; row < rows.rows.size(); ++row) {
      if (rows.at(row, "database") == "appdb") machines.insert(std::stoi(rows.at(row, "id")) >> 24);
    }
    return machines.size();
  }
  std::string count_where(const std::string& condition) {
    return direct_.value("SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND " +
                         condition);
  }

  Session direct_ = postgres().direct();
  Pooler pooler_{{.settings = {{"machines", "4"}, {"default_pool_size", "16"}}}};
  std::vector<Session> clients_;
};

TEST_F(SharedPool, has_its_clients_at_all_machines) { EXPECT_EQ(machines_of_clients(), 4u); }

TEST_F(SharedPool, is_cancelled_wherever_a_cancel_arrives) {
  for (std::size_t i = 0; i < 16; ++i) clients_[i].send("SELECT pg_sleep(60)");
  ASSERT_TRUE(eventually([&] { return count_where("wait_event = 'PgSleep'") == "16"; }));
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(cancel(clients_[i]), "");
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(clients_[i].outcome().sqlstate, "57014") << i;
  for (Session& client : clients_) EXPECT_EQ(client.value("SELECT 6 * 7"), "42");
}

// PostgreSQL ends all its sessions then, as of a crash.
TEST_F(SharedPool, outlives_a_server_that_is_killed) {
  clients_[0].send("SELECT pg_sleep(60)");
  ASSERT_TRUE(eventually([&] { return count_where("wait_event = 'PgSleep'") == "1"; }));
  const std::string pid = direct_.value(
      "SELECT pid FROM pg_stat_activity WHERE usename = 'app' "
      "AND wait_event = 'PgSleep'");
  ASSERT_EQ(kill(std::stoi(pid), SIGKILL), 0);
  EXPECT_FALSE(clients_[0].outcome().ok());
  for (std::size_t i = 1; i < clients_.size(); ++i) {
    EXPECT_TRUE(eventually([&] { return clients_[i].value("SELECT 6 * 7") == "42"; })) << i;
  }
}

TEST_F(SharedPool, has_never_more_servers_than_it_may_when_it_is_made_smaller_and_larger) {
  for (const char* const size : {"4", "16", "6", "16"}) {
    pooler_.write({.settings = {{"machines", "4"}, {"default_pool_size", size}}});
    pooler_.process().signal(SIGHUP);
    for (Session& client : clients_) client.send("SELECT pg_sleep(0.05)");
    EXPECT_LE(std::stoi(count_where("true")), 16);
    for (Session& client : clients_) EXPECT_TRUE(client.outcome().ok());
    EXPECT_TRUE(eventually([&] { return std::stoi(count_where("true")) <= std::stoi(size); }))
        << count_where("true") << " servers stay, and default_pool_size is " << size;
  }
}

TEST_F(SharedPool, is_drained_when_the_last_transaction_of_all_machines_is_over) {
  for (std::size_t i = 0; i < 15; ++i) ASSERT_EQ(clients_[i].value("BEGIN"), "BEGIN");
  pooler_.process().signal(SIGTERM);
  EXPECT_TRUE(eventually([&] { return !clients_[16].run("SELECT 1").ok(); }))
      << "one that is idle, and there is a server for it";
  for (std::size_t i = 0; i < 15; ++i) {
    EXPECT_FALSE(pooler_.process().exit_status()) << "a transaction is not over";
    EXPECT_EQ(clients_[i].value("SELECT 6 * 7"), "42");
    EXPECT_EQ(clients_[i].value("COMMIT"), "COMMIT");
  }
  EXPECT_EQ(pooler_.process().wait(), 0);
}

}  // namespace

}  // namespace pgweir::integration
