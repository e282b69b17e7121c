// How many: servers, clients, and what happens at each bound.
#include <algorithm>

#include "core/base/limits.h"
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

class LimitsTest : public Story {
 protected:
  std::vector<sim::Client*> log_in(int count, const sim::LogIn& how = {}) {
    std::vector<sim::Client*> clients;
    for (int i = 0; i < count; ++i) clients.push_back(&world.client(how));
    return clients;
  }
  void add_user(const std::string& name) {
    UserSettings user;
    user.name = name;
    world.settings.users.push_back(user);
  }
  std::size_t server_attempts() {
    std::size_t count = 0;
    for (const auto& [socket, record] : world.shell().records()) {
      count += socket.kind == SocketKind::server;
    }
    return count;
  }
};

TEST_F(LimitsTest, a_pool_opens_what_it_needs_and_no_more_than_its_size) {
  world.settings.default_pool_size = 3;
  const auto clients = log_in(10);
  for (sim::Client* client : clients) world.query(*client, "begin");
  EXPECT_EQ(world.postgres.session_count(), 3u);
  for (sim::Client* client : clients) world.query(*client, "commit");
  for (sim::Client* client : clients) {
    EXPECT_EQ(client->heard(), "") << "every answer was heard when it was due";
  }
  EXPECT_EQ(world.postgres.session_count_max(), 3u);
}

TEST_F(LimitsTest, a_databases_and_a_users_own_pool_size_count_before_the_default) {
  world.settings.databases[0].pool_size = 2;
  for (sim::Client* client : log_in(5)) world.query(*client, "begin");
  EXPECT_EQ(world.postgres.session_count(), 2u);
}

TEST_F(LimitsTest, min_pool_size_is_kept_open) {
  world.settings.default_pool_size = 5;
  world.settings.min_pool_size = 3;
  world.client();
  world.advance(std::chrono::seconds(5));
  EXPECT_EQ(world.postgres.session_count(), 3u);
  world.advance(std::chrono::hours(2));
  EXPECT_EQ(world.postgres.session_count(), 3u);
}

TEST_F(LimitsTest, the_reserve_opens_when_somebody_has_waited_long_enough) {
  world.settings.reserve_pool_size = 1;
  world.settings.reserve_pool_timeout = std::chrono::seconds(5);
  const auto clients = log_in(2);
  world.query(*clients[0], "begin");
  EXPECT_EQ(world.query(*clients[1], "select 'b'"), "");
  world.advance(std::chrono::seconds(4));
  EXPECT_EQ(clients[1]->heard(), "");
  world.advance(std::chrono::seconds(2));
  EXPECT_EQ(clients[1]->heard(), "T D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.postgres.session_count_max(), 2u);
}

TEST_F(LimitsTest, the_reserve_of_a_database_is_its_own) {
  world.settings.databases[0].reserve_pool_size = 1;
  world.settings.reserve_pool_timeout = std::chrono::seconds(5);
  const auto clients = log_in(2);
  world.query(*clients[0], "begin");
  EXPECT_EQ(world.query(*clients[1], "select 'b'"), "");
  world.advance(std::chrono::seconds(6));
  EXPECT_EQ(clients[1]->heard(), "T D(b) C(SELECT 1) Z(I)") << "though reserve_pool_size is 0";
}

TEST_F(LimitsTest, max_client_conn_is_exact_and_admins_have_their_own_slots) {
  world.settings.max_client_conn = 2;
  world.settings.admin_users = {"root"};
  UserSettings root;
  root.name = "root";
  world.settings.users.push_back(root);
  const auto clients = log_in(3);
  EXPECT_TRUE(clients[1]->logged_in());
  EXPECT_EQ(clients[2]->heard(), "E(53300) EOF");
  EXPECT_NE(clients[2]->error_text().find("max_client_conn"), std::string::npos);
  world.ask(*clients[0], sim::terminate());
  EXPECT_TRUE(world.client().logged_in());
  sim::Client& admin = world.client({.user = "root", .database = "pgbouncer"});
  EXPECT_TRUE(admin.logged_in());
}

TEST_F(LimitsTest, max_db_connections_is_shared_and_an_idle_server_makes_room) {
  add_user("bob");
  world.settings.default_pool_size = 5;
  world.settings.databases[0].max_db_connections = 2;
  sim::Client& ann = world.client();
  sim::Client& ann_too = world.client();
  world.query(ann, "begin");
  world.query(ann_too, "begin");
  sim::Client& bob = world.client({.user = "bob"});
  EXPECT_FALSE(bob.logged_in());
  world.query(ann, "commit");
  world.advance(std::chrono::seconds(1));
  EXPECT_TRUE(bob.logged_in()) << "an idle server of ann's was not closed for bob";
  EXPECT_EQ(world.query(bob, "select 'b'"), "T D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.postgres.session_count_max(), 2u);
}

TEST_F(LimitsTest, max_user_connections_bounds_a_user_over_its_databases) {
  world.settings.default_pool_size = 5;
  world.settings.max_user_connections = 1;
  DatabaseSettings more = world.settings.databases[0];
  more.name = "more";
  world.settings.databases.push_back(more);
  sim::Client& a = world.client();
  sim::Client& b = world.client({.database = "more"});
  EXPECT_EQ(world.query(a, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.query(b, "select 'b'"), "T D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.query(a, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.postgres.session_count_max(), 1u);
}

TEST_F(LimitsTest, too_many_that_never_log_in_lose_the_oldest) {
  std::vector<sim::Client*> silent;
  for (std::uint32_t i = 0; i <= limits::clients_unauthenticated_max; ++i) {
    silent.push_back(&world.connect());
  }
  world.run();
  EXPECT_TRUE(silent.front()->ended());
  EXPECT_FALSE(silent.back()->ended());
  EXPECT_TRUE(world.client().logged_in());
}

TEST_F(LimitsTest, a_name_too_long_is_refused_and_the_client_goes_on) {
  sim::Client& client = world.client();
  const std::string name(5000, 'n');
  const std::string heard = world.ask(client, sim::describe('S', name) + sim::sync());
  EXPECT_TRUE(heard.starts_with("E(") && heard.ends_with(") Z(I)")) << heard;
  EXPECT_EQ(world.query(client, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
}

TEST_F(LimitsTest, the_place_of_a_server_that_is_ended_in_its_login_is_free_when_it_is_gone) {
  world.postgres.stall(true);
  world.client();
  world.advance(world.settings.server_connect_timeout + limits::close_linger / 2);
  ASSERT_EQ(server_attempts(), 1u) << "PostgreSQL may let the first in all the same";
  const auto& [socket, record] = *std::ranges::find_if(
      world.shell().records(),
      [](const auto& entry) { return entry.first.kind == SocketKind::server; });
  EXPECT_TRUE(record.sent.ends_with(sim::terminate()));
  world.advance(limits::close_linger);
  EXPECT_EQ(server_attempts(), 2u) << "a place is kept for a second at most";
}

TEST_F(LimitsTest, the_place_of_a_server_that_is_ended_in_its_login_is_free_when_it_has_closed) {
  for (const auto auth : {sim::ServerOptions::Auth::trust, sim::ServerOptions::Auth::md5}) {
    sim::World other;
    other.add_user("ann", "secret");
    other.postgres.options().auth = auth;
    other.postgres.options().passwords["ann"] = "secret";
    other.postgres.stall(true);
    sim::Client& client = other.client();
    other.advance(other.settings.server_connect_timeout + limits::close_linger / 2);
    EXPECT_FALSE(client.logged_in());
    other.postgres.stall(false);
    other.run();
    EXPECT_TRUE(client.logged_in()) << "it reads Terminate, wherever it is";
    EXPECT_EQ(other.postgres.session_count_max(), 1u);
    EXPECT_EQ(other.finish(), "");
  }
}

TEST_F(LimitsTest, a_host_that_is_down_sees_few_attempts) {
  world.settings.default_pool_size = 20;
  world.postgres.set_welcome(sim::Host::Welcome::refuse);
  const auto clients = log_in(20);
  world.advance(std::chrono::seconds(30));
  EXPECT_GE(server_attempts(), 2u) << "nobody tried again";
  EXPECT_LT(server_attempts(), 30u) << "a host that is down is stormed";
  world.postgres.set_welcome(sim::Host::Welcome::accept);
  world.advance(std::chrono::seconds(16));
  for (sim::Client* client : clients) EXPECT_TRUE(client->logged_in());
}

TEST_F(LimitsTest, a_host_that_goes_down_while_servers_log_in_sees_few_attempts) {
  world.postgres.stall(true);
  for (const char name : std::string_view("bcdefghijklmnopqrstu")) add_user({name});
  for (const UserSettings& user : world.settings.users) world.client({.user = user.name});
  ASSERT_EQ(server_attempts(), limits::host_connecting_max);
  world.postgres.set_welcome(sim::Host::Welcome::refuse);
  world.postgres.vanish_all();
  world.run();
  EXPECT_LT(server_attempts(), limits::host_connecting_max + 8)
      << "each lost login lets all who wait try anew";
}

}  // namespace
}  // namespace pgweir
