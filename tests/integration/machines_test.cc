// Several machines in one process. What they have in common with one, all other themes show: they
// are run with four machines too (integration.four_machines).
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "tests/integration/environment.h"
#include "tests/integration/pooler.h"

namespace pgweir::integration {

namespace {

class Machines : public IntegrationTest {
 protected:
  static PoolerConfig config(const std::string& machines) {
    PoolerConfig config{.settings = {{"machines", machines}, {"default_pool_size", "1"}}};
    for (int i = 1; i <= 8; ++i) {
      config.databases.emplace_back("app" + std::to_string(i),
                                    host_of_postgres() + " dbname=appdb");
    }
    return config;
  }
  static std::size_t threads_of(Pooler& pooler) {
    const std::string folder = "/proc/" + std::to_string(pooler.process().pid()) + "/task";
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& thread : std::filesystem::directory_iterator(folder)) ++count;
    return count;
  }
};

TEST_F(Machines, each_has_a_thread_and_they_share_the_databases) {
  Pooler alone(config("1"));
  Pooler pooler(config("4"));
  EXPECT_TRUE(eventually([&] { return threads_of(pooler) >= threads_of(alone) + 3; }));

  std::vector<Session> sessions;
  for (int i = 1; i <= 8; ++i) {
    sessions.push_back(pooler.session("app", "app" + std::to_string(i)));
    EXPECT_EQ(sessions.back().value("SELECT 6 * 7"), "42");
  }
  std::set<int> machines;
  const Answer servers = pooler.console().run("SHOW SERVERS");
  EXPECT_EQ(servers.rows.size(), 8u);
  for (std::size_t row = 0; row < servers.rows.size(); ++row) {
    machines.insert(std::stoi(servers.at(row, "id")) >> 24);
  }
  EXPECT_GE(machines.size(), 3u) << "eight databases, four machines";
  EXPECT_EQ(pooler.console().run("SHOW CLIENTS").rows.size(), 9u) << "the console's own included";
}

TEST_F(Machines, the_last_place_is_one_for_all) {
  PoolerConfig limited = config("4");
  limited.settings.emplace_back("max_client_conn", "4");
  Pooler pooler(limited);
  std::vector<Session> sessions;
  for (int i = 1; i <= 4; ++i) {
    sessions.push_back(pooler.session("app", "app" + std::to_string(i)));
  }
  const Session fifth = pooler.session("app", "app5");
  EXPECT_NE(fifth.failure().find("max_client_conn"), std::string::npos) << fifth.failure();
}

}  // namespace

}  // namespace pgweir::integration
