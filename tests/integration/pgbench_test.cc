// Many clients over few servers, by the tool everybody measures with.
#include <gtest/gtest.h>

#include <algorithm>
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
