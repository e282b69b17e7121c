// The admin database, seen through the machine: who sees what, and how much at once.
#include "core/base/limits.h"
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

class ConsoleTest : public Story {
 protected:
  sim::Client& admin() {
    UserSettings root;
    root.name = "root";
    world.settings.users.push_back(root);
    world.settings.admin_users = {"root"};
    return world.client({.user = "root", .database = "pgbouncer"});
  }
};

TEST_F(ConsoleTest, answers_one_command_after_the_other) {
  sim::Client& client = admin();
  EXPECT_NE(world.query(client, "show version").find("PgBouncer"), std::string::npos);
  EXPECT_NE(world.query(client, "show nonsense").find("E(42601) Z(I)"), std::string::npos);
  EXPECT_NE(world.query(client, "SHOW POOLS;").find("Z(I)"), std::string::npos);
}

TEST_F(ConsoleTest, a_flood_of_commands_in_one_read_is_refused) {
  sim::Client& client = admin();
  std::string flood;
  for (std::size_t i = 0; i <= limits::console_commands_at_once_max; ++i) {
    flood += sim::query("show pools");
  }
  world.ask(client, flood);
  EXPECT_TRUE(client.ended());
  EXPECT_NE(client.error_text().find("at once"), std::string::npos) << client.error_text();
}

TEST_F(ConsoleTest, a_removed_database_that_nobody_uses_is_not_shown_any_more) {
  DatabaseSettings unused;
  unused.name = "no";
  unused.host = world.settings.databases[0].host;
  world.settings.databases.push_back(unused);
  sim::Client& client = admin();
  const std::string before = world.query(client, "show databases");
  ASSERT_NE(before.find("no"), std::string::npos) << before;
  Settings next = world.settings;
  next.databases.pop_back();
  world.shell().set_settings(next);
  world.shell().command(event::Command::reload);
  world.run();
  EXPECT_EQ(world.query(client, "show databases").find("no"), std::string::npos);
}

TEST_F(ConsoleTest, a_byte_that_waits_for_the_rest_of_its_message_is_counted_once) {
  sim::Client& console = admin();
  sim::Client& client = world.client();
  const std::string both = sim::query("select 'a'") + sim::query("select 'b'");
  const std::size_t cut = sim::query("select 'a'").size() + 3;
  world.ask(client, both.substr(0, cut));
  world.ask(client, both.substr(cut));
  const std::string stats = world.query(console, "show stats");
  EXPECT_NE(stats.find("|" + std::to_string(both.size()) + "|"), std::string::npos) << stats;
}

}  // namespace
}  // namespace pgweir
