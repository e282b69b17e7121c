// Many clients over few servers, by the tool everybody measures with.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>

#include "tests/integration/environment.h"
#include "tests/integration/pooler.h"

namespace pgweir::integration {

namespace {

// Watches from a direct connection how many servers a user has at once, for as long as it lives.
class ServerWatch {
 public:
  explicit ServerWatch(const std::string& user)
      : watcher_([this, user](const std::stop_token& stop) {
          Session direct = postgres().direct();
          while (!stop.stop_requested()) {
            most_ = std::max<int>(
                most_,
                std::stoi(direct.value("SELECT count(*) FROM pg_stat_activity WHERE usename = '" +
                                       user + "'")));
          }
        }) {}

  int most() {
    watcher_.request_stop();
    watcher_.join();
    return most_;
  }

 private:
  std::atomic<int> most_ = 0;
  std::jthread watcher_;
};

class Pgbench : public IntegrationTest {
 protected:
  static void SetUpTestSuite() {
    const Outcome outcome = run({.arguments = {postgres().program("pgbench"), "-i", "-q", "-n",
                                               postgres().conninfo("app")}});
    ASSERT_EQ(outcome.status, 0) << outcome.output;
  }

  static Outcome bench(const Pooler& pooler, const std::vector<std::string>& more) {
    Command command{.arguments = {postgres().program("pgbench"), "-n"}};
    command.arguments.insert(command.arguments.end(), more.begin(), more.end());
    command.arguments.push_back(pooler.conninfo());
    return run(command);
  }

  static void expect_all_done(const Outcome& outcome) {
    EXPECT_EQ(outcome.status, 0) << outcome.output;
    EXPECT_NE(outcome.output.find("number of failed transactions: 0 "), std::string::npos)
        << outcome.output;
    EXPECT_EQ(outcome.output.find("aborted"), std::string::npos) << outcome.output;
  }
};

TEST_F(Pgbench, fifty_clients_over_five_servers_by_the_simple_protocol) {
  Pooler pooler;
  ServerWatch watch("app");
  expect_all_done(bench(pooler, {"-M", "simple", "-c", "50", "-j", "2", "-T", "5", "-N"}));
  EXPECT_EQ(watch.most(), 5) << "servers at once; default_pool_size is 5";
}

TEST_F(Pgbench, fifty_clients_over_five_servers_by_the_extended_protocol) {
  Pooler pooler;
  ServerWatch watch("app");
  expect_all_done(bench(pooler, {"-M", "extended", "-c", "50", "-j", "2", "-T", "5", "-N"}));
  EXPECT_EQ(watch.most(), 5) << "servers at once; default_pool_size is 5";
}

// A thread each: pgbench prepares without letting a thread's other clients go on, and those may
// have all servers.
TEST_F(Pgbench, fifty_clients_over_five_servers_by_prepared_statements) {
  Pooler pooler;
  ServerWatch watch("app");
  expect_all_done(bench(pooler, {"-M", "prepared", "-c", "50", "-j", "50", "-T", "5", "-N"}));
  EXPECT_EQ(watch.most(), 5) << "servers at once; default_pool_size is 5";
}

// The pool may have sixteen and so lives on all four; the database's limit leaves them five to
// share.
TEST_F(Pgbench, fifty_clients_over_five_servers_that_four_machines_share) {
  Pooler pooler(
      {.settings = {{"machines", "4"}, {"default_pool_size", "16"}, {"max_db_connections", "5"}}});
  ServerWatch watch("app");
  expect_all_done(bench(pooler, {"-M", "extended", "-c", "50", "-j", "2", "-T", "5", "-N"}));
  EXPECT_EQ(watch.most(), 5) << "servers at once; max_db_connections is 5";
}

TEST_F(Pgbench, servers_are_ended_and_settings_loaded_while_four_machines_share_five) {
  Pooler pooler(
      {.settings = {{"machines", "4"}, {"default_pool_size", "16"}, {"max_db_connections", "5"}}});
  ServerWatch watch("app");
  std::atomic<bool> over = false;
  std::array<std::atomic<int>, 12> done{};
  {
    std::vector<std::jthread> clients;
    for (std::size_t i = 0; i < done.size(); ++i) {
      clients.emplace_back([&, i] {
        const std::string own = std::to_string(i);
        while (!over) {
          Session session = pooler.session();
          for (Answer answer; !over && (answer = session.run("SELECT " + own)).ok(); ++done[i]) {
            EXPECT_EQ(answer.value(), own) << "somebody else's answer";
          }
        }
      });
    }
    Session direct = postgres().direct();
    Session console = pooler.console();
    const auto all_have_done = [&](int more) {
      std::vector<int> before(done.begin(), done.end());
      return eventually([&] {
        for (std::size_t i = 0; i < done.size(); ++i) {
          if (done[i] < before[i] + more) return false;
        }
        return true;
      });
    };
    for (int round = 0; round < 10; ++round) {
      EXPECT_TRUE(all_have_done(20)) << "somebody is not served, in round " << round;
      direct.run(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app' "
          "ORDER BY random() LIMIT 2");
      EXPECT_EQ(console.run("RELOAD").tag, "RELOAD");
    }
    EXPECT_TRUE(all_have_done(20));
    over = true;
  }
  EXPECT_LE(watch.most(), 5) << "servers at once; max_db_connections is 5";
}

TEST_F(Pgbench, a_new_connection_for_every_transaction) {
  Pooler pooler;
  ServerWatch watch("app");
  expect_all_done(bench(pooler, {"-S", "-C", "-c", "10", "-j", "2", "-t", "30"}));
  EXPECT_LE(watch.most(), 5);
}

TEST_F(Pgbench, clients_that_log_in_at_the_same_time_all_get_in) {
  Pooler pooler({.settings = {{"max_client_conn", "300"}, {"default_pool_size", "2"}}});
  expect_all_done(bench(pooler, {"-S", "-c", "300", "-j", "2", "-t", "10"}));
}

}  // namespace

}  // namespace pgweir::integration
