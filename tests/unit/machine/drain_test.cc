// Stopping and reloading.
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

class DrainTest : public Story {
 protected:
  sim::Postgres other_host;  // another host
};

TEST_F(DrainTest, transactions_end_idle_clients_are_told_and_the_machine_exits) {
  world.settings.default_pool_size = 2;
  sim::Client& busy = world.client();
  sim::Client& idle = world.client();
  world.query(busy, "begin");
  world.shell().command(event::Command::drain);
  world.run();
  EXPECT_FALSE(world.shell().accepting());
  EXPECT_EQ(idle.heard(), "E(57P01) EOF");
  EXPECT_FALSE(world.shell().exit_status().has_value());
  EXPECT_EQ(world.query(busy, "select 'a'"), "T D(a) C(SELECT 1) Z(T)");
  EXPECT_EQ(world.query(busy, "commit"), "C(COMMIT) Z(I) E(57P01) EOF");
  EXPECT_EQ(world.shell().exit_status(), 0);
}

TEST_F(DrainTest, a_second_command_stops_at_once) {
  sim::Client& busy = world.client();
  world.query(busy, "begin");
  world.shell().command(event::Command::drain);
  world.run();
  world.shell().command(event::Command::stop_now);
  world.run();
  EXPECT_TRUE(world.shell().exit_status().has_value());
}

TEST_F(DrainTest, with_nobody_there_it_exits_at_once) {
  world.shell().command(event::Command::drain);
  world.run();
  EXPECT_EQ(world.shell().exit_status(), 0);
}

TEST_F(DrainTest, a_reload_applies_new_limits_databases_and_users) {
  sim::Client& client = world.client();
  Settings next = world.settings;
  next.default_pool_size = 2;
  DatabaseSettings more = next.databases[0];
  more.name = "more";
  next.databases.push_back(more);
  world.shell().set_settings(next);
  world.shell().command(event::Command::reload);
  world.run();
  EXPECT_TRUE(world.client({.database = "more"}).logged_in());
  sim::Client& second = world.client();
  world.query(client, "begin");
  EXPECT_EQ(world.query(second, "select 'b'"), "T D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.shell().note_count(NoteKind::settings_applied), 1u);
}

TEST_F(DrainTest, a_refused_reload_changes_nothing) {
  sim::Client& client = world.client();
  world.shell().command(event::Command::reload);
  world.run();
  EXPECT_EQ(world.shell().note_count(NoteKind::settings_refused), 1u);
  EXPECT_EQ(world.query(client, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
}

TEST_F(DrainTest, a_database_taken_away_lets_its_transactions_end) {
  sim::Client& client = world.client();
  world.query(client, "begin");
  Settings next = world.settings;
  next.databases[0].name = "other";
  world.shell().set_settings(next);
  world.shell().command(event::Command::reload);
  world.run();
  EXPECT_TRUE(world.query(client, "commit").starts_with("C(COMMIT) Z(I)"));
  EXPECT_EQ(world.client().heard(), "E(3D000) EOF");
}

TEST_F(DrainTest, a_changed_host_is_used_for_new_servers_and_old_ones_leave_when_free) {
  world.shell().add_host(sim::ipv4(10, 0, 0, 2, 5432), other_host);
  sim::Client& client = world.client();
  world.query(client, "begin");
  Settings next = world.settings;
  next.databases[0].host = "10.0.0.2";
  world.shell().set_settings(next);
  world.shell().command(event::Command::reload);
  world.run();
  EXPECT_EQ(world.query(client, "commit"), "C(COMMIT) Z(I)");
  EXPECT_EQ(world.query(client, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.postgres.session_count(), 0u);
  EXPECT_EQ(other_host.statements().back(), "1001: select 'a'");
}

}  // namespace
}  // namespace pgweir
