// What a reload does to those in the middle of something.
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

using std::chrono::seconds;

class ReloadTest : public Story {
 protected:
  void reload(const Settings& next) {
    world.shell().set_settings(next);
    world.shell().command(event::Command::reload);
    world.run();
  }
  void cancel(const sim::Client& client) {
    sim::Client& canceller = world.connect();
    world.ask(canceller, sim::cancel_request(client.pid(), client.secret()));
  }
};

TEST_F(ReloadTest, a_removed_databases_server_goes_with_its_last_transaction) {
  world.settings.min_pool_size = 1;
  sim::Client& client = world.client();
  world.query(client, "begin");
  Settings next = world.settings;
  next.databases[0].name = "other";
  reload(next);
  world.query(client, "commit");
  EXPECT_EQ(world.postgres.session_count(), 0u);
}

// Two of one name would have twice the servers that its limit allows.
TEST_F(ReloadTest, a_database_that_comes_back_has_the_pool_it_had) {
  world.settings.default_pool_size = 1;
  sim::Client& busy = world.client();
  world.query(busy, "begin");
  const Settings there = world.settings;
  Settings removed = there;
  removed.databases[0].name = "other";
  reload(removed);
  reload(there);
  sim::Client& later = world.client();
  EXPECT_EQ(world.query(later, "select 'later'"), "") << "it was served beside the one server";
  EXPECT_EQ(world.query(busy, "commit"), "C(COMMIT) Z(I)");
  EXPECT_EQ(later.heard(), "T D(later) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.query(busy, "select 'stays'"), "T D(stays) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(ReloadTest, a_database_that_comes_back_elsewhere_serves_there) {
  world.settings.default_pool_size = 1;
  sim::Client& busy = world.client();
  world.query(busy, "begin");
  Settings next = world.settings;
  next.databases[0].name = "other";
  reload(next);
  next = world.settings;
  next.databases[0].dbname = "moved";
  reload(next);
  EXPECT_EQ(world.query(busy, "commit"), "C(COMMIT) Z(I)");
  EXPECT_EQ(world.query(busy, "select 'new'"), "T D(new) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.postgres.login_count(), 2u);
}

TEST_F(ReloadTest, servers_beyond_a_limit_that_was_lowered_go_though_nobody_waits) {
  world.settings.default_pool_size = 4;
  std::vector<sim::Client*> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(&world.client());
    world.query(*clients.back(), "begin");
  }
  for (sim::Client* client : clients) world.query(*client, "commit");
  EXPECT_EQ(world.postgres.session_count(), 4u);
  for (std::int32_t Settings::* limit :
       {&Settings::default_pool_size, &Settings::max_db_connections}) {
    Settings next = world.settings;
    next.*limit = limit == &Settings::default_pool_size ? 3 : 2;
    reload(next);
    world.advance(seconds(2));  // until PostgreSQL has let go
    EXPECT_EQ(world.postgres.session_count(), static_cast<std::size_t>(next.*limit));
  }
  EXPECT_EQ(world.query(*clients[0], "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
}

// The limit was lowered because PostgreSQL has too much to do.
TEST_F(ReloadTest, servers_beyond_a_limit_that_was_lowered_go_before_they_serve_the_next) {
  world.settings.default_pool_size = 2;
  sim::Client& first = world.client();
  sim::Client& second = world.client();
  sim::Client& waits = world.client();
  world.query(first, "begin");
  world.query(second, "begin");
  EXPECT_EQ(world.query(waits, "select 'a'"), "");
  Settings next = world.settings;
  next.default_pool_size = 1;
  reload(next);
  EXPECT_EQ(world.postgres.session_count(), 2u) << "somebody is in the middle of a transaction";
  EXPECT_EQ(world.query(first, "commit"), "C(COMMIT) Z(I)");
  world.advance(seconds(2));
  EXPECT_EQ(world.postgres.session_count(), 1u);
  EXPECT_EQ(waits.heard(), "");
  EXPECT_EQ(world.query(second, "commit"), "C(COMMIT) Z(I)");
  EXPECT_EQ(waits.heard(), "T D(a) C(SELECT 1) Z(I)");
}

TEST_F(ReloadTest, a_forced_user_that_comes_back_has_the_pool_it_had) {
  world.settings.default_pool_size = 1;
  world.settings.databases[0].user = "joe";
  sim::Client& busy = world.client();
  world.query(busy, "begin");
  const Settings forced = world.settings;
  Settings free = forced;
  free.databases[0].user.clear();
  reload(free);
  reload(forced);
  sim::Client& later = world.client();
  EXPECT_EQ(world.query(later, "select 'later'"), "") << "it was served beside the one server";
  EXPECT_EQ(world.query(busy, "commit"), "C(COMMIT) Z(I)");
  EXPECT_EQ(later.heard(), "T D(later) C(SELECT 1) Z(I)");
}

TEST_F(ReloadTest, a_database_that_lost_its_line_is_the_stars_now) {
  world.run();
  Settings next = world.settings;
  next.databases[0].name = "*";
  reload(next);
  EXPECT_TRUE(world.client().logged_in());
}

TEST_F(ReloadTest, new_settings_are_tried_at_once_after_a_login_that_could_not_work) {
  world.postgres.options().databases = {"right"};
  world.settings.databases[0].dbname = "wrong";
  world.settings.server_login_retry = seconds(600);
  EXPECT_EQ(world.client().heard(), "E(3D000) EOF");
  world.advance(seconds(1));
  for (int i = 0; i < 10; ++i) {
    world.client();
    world.advance(seconds(60));
  }
  Settings next = world.settings;
  next.databases[0].dbname = "right";
  reload(next);
  EXPECT_TRUE(world.client().logged_in());
}

// Of ann, in the file.
Settings with_password(sim::World& world, const std::string& password) {
  Settings next = world.settings;
  next.users[0].credential = world.vault.add(auth::SecretKind::plain, password);
  return next;
}

TEST_F(ReloadTest, who_connected_before_a_password_changed_needs_the_new_one) {
  world.settings.auth_type = AuthType::scram_sha_256;
  world.settings = with_password(world, "old");
  sim::Client& late = world.connect();
  sim::Client& right = world.connect();
  for (sim::Client* client : {&late, &right}) client->read(false);
  late.log_in({.password = "old"});
  right.log_in({.password = "new"});
  world.run();
  reload(with_password(world, "new"));
  for (sim::Client* client : {&late, &right}) client->read(true);
  world.run();
  EXPECT_EQ(late.heard(), "R(10) R(11) E(28P01) EOF");
  EXPECT_EQ(right.heard(), "") << "it has logged in";
}

TEST_F(ReloadTest, a_password_may_change_while_the_old_one_is_prepared) {
  world.settings.auth_type = AuthType::scram_sha_256;
  world.settings = with_password(world, "old");
  world.shell_options.delay = [](sim::Wait wait) -> Duration {
    return wait == sim::Wait::derive ? seconds(1) : seconds(0);
  };
  sim::Client& late = world.client({.password = "old"});
  sim::Client& right = world.client({.password = "new"});
  reload(with_password(world, "new"));
  world.advance(seconds(3));
  EXPECT_EQ(late.heard(), "R(10) R(11) E(28P01) EOF");
  EXPECT_EQ(right.heard(), "") << "it has logged in";
}

// It says nothing about the password that is in force now.
TEST_F(ReloadTest, a_server_that_refuses_the_old_password_keeps_nobody_from_the_new_one) {
  world.settings = with_password(world, "old");
  world.postgres.options().auth = sim::ServerOptions::Auth::scram;
  world.postgres.options().passwords = {{"ann", "new"}};
  world.postgres.stall(true);
  sim::Client& client = world.client();
  reload(with_password(world, "new"));
  world.postgres.stall(false);
  world.advance(seconds(1));
  EXPECT_EQ(client.heard(), "") << "it has logged in";
  EXPECT_EQ(world.query(client, "select 'in'"), "T D(in) C(SELECT 1) Z(I)");
}

TEST_F(ReloadTest, a_longer_cancel_wait_timeout_still_ends) {
  sim::Client& client = world.client();
  world.query(client, "sleep");
  world.postgres.set_welcome(sim::Host::Welcome::never_answer);
  cancel(client);
  Settings next = world.settings;
  next.cancel_wait_timeout = seconds(20);
  reload(next);
  world.advance(seconds(30));
  EXPECT_EQ(world.shell().socket_count(SocketKind::cancel), 0u);
}

TEST_F(ReloadTest, a_waiting_client_of_a_removed_database_that_is_cancelled_is_told_to_go) {
  sim::Client& busy = world.client();
  sim::Client& waiting = world.client();
  world.query(busy, "begin");
  world.query(waiting, "select 'never'");
  Settings next = world.settings;
  next.databases[0].name = "other";
  reload(next);
  cancel(waiting);
  EXPECT_EQ(waiting.heard(), "E(57014) Z(I) E(57P01) EOF");
  EXPECT_EQ(world.query(busy, "commit"), "C(COMMIT) Z(I) E(57P01) EOF");
}

TEST_F(ReloadTest, server_lifetime_is_kept_by_servers_that_min_pool_size_holds) {
  world.settings.min_pool_size = 1;
  world.settings.server_idle_timeout = seconds(600);
  world.settings.server_lifetime = seconds(700);
  world.client();
  world.advance(seconds(720));
  EXPECT_EQ(world.postgres.login_count(), 2u);
}

TEST_F(ReloadTest, zero_switches_a_clock_off_and_nothing_else) {
  world.settings.server_connect_timeout = seconds(0);
  world.settings.cancel_wait_timeout = seconds(0);
  world.settings.server_login_retry = seconds(0);
  world.settings.dns_max_ttl = seconds(0);
  sim::Client& client = world.client();
  EXPECT_TRUE(client.logged_in());
  world.query(client, "sleep");
  cancel(client);
  EXPECT_EQ(client.heard(), "T E(57014) Z(I)");
}

}  // namespace
}  // namespace pgweir
