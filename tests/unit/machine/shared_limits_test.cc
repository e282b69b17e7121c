// Pools that share a limit: nobody waits beside a server that could make room.
#include "core/base/limits.h"
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

class SharedLimitsTest : public Story {
 protected:
  SharedLimitsTest() {
    UserSettings bob;
    bob.name = "bob";
    world.settings.users.push_back(bob);
    world.settings.default_pool_size = 5;
  }

  // Databases db and more, users ann and bob.
  void one_server_for_each_database_and_user() {
    world.settings.databases[0].max_db_connections = 1;
    world.settings.max_user_connections = 1;
    DatabaseSettings more = world.settings.databases[0];
    more.name = "more";
    world.settings.databases.push_back(more);
  }
};

TEST_F(SharedLimitsTest, a_server_nobody_wants_makes_room_though_the_other_pool_has_one) {
  world.settings.databases[0].max_db_connections = 3;
  sim::Client& ann = world.client();
  sim::Client& ann_too = world.client();
  sim::Client& bob = world.client({.user = "bob"});
  sim::Client& bob_too = world.client({.user = "bob"});
  world.query(ann, "begin");
  world.query(ann_too, "begin");
  world.query(bob, "begin");
  EXPECT_EQ(world.query(bob_too, "select 'b'"), "") << "the limit is full";
  world.query(ann, "commit");
  EXPECT_EQ(bob_too.heard(), "T D(b) C(SELECT 1) Z(I)");
  EXPECT_LE(world.postgres.session_count_max(), 3u);
  world.query(ann_too, "commit");
  world.query(bob, "commit");
}

TEST_F(SharedLimitsTest, who_waits_in_vain_is_told_which_limit_it_was_and_who_has_the_places) {
  world.settings.databases[0].max_db_connections = 1;
  world.settings.query_wait_timeout = std::chrono::seconds(5);
  sim::Client& ann = world.client();
  sim::Client& bob = world.client({.user = "bob", .more = {{"application_name", "reports"}}});
  world.query(bob, "begin");
  world.advance(std::chrono::seconds(10));
  EXPECT_EQ(world.query(ann, "select 'a'"), "");
  world.advance(std::chrono::seconds(6));
  const std::string& error = ann.error_text();
  EXPECT_NE(error.find("; max_db_connections is 1, and other pools have 1 of these"),
            std::string::npos)
      << error;
  EXPECT_NE(error.find(" (reports) in pool db/bob"), std::string::npos) << error;
  world.query(bob, "commit");
}

TEST_F(SharedLimitsTest, a_pool_that_wants_a_place_under_two_full_limits_gets_one_under_each) {
  one_server_for_each_database_and_user();
  sim::Client& bob_in_db = world.client({.user = "bob"});
  sim::Client& ann_in_more = world.client({.database = "more"});
  EXPECT_EQ(world.query(bob_in_db, "select 'b'"), "T D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.query(ann_in_more, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
  sim::Client& ann_in_db = world.client();
  EXPECT_EQ(world.query(ann_in_db, "select 'c'"), "T D(c) C(SELECT 1) Z(I)");
}

TEST_F(SharedLimitsTest, a_place_is_not_kept_for_ever_for_a_pool_that_another_limit_holds_back) {
  one_server_for_each_database_and_user();
  sim::Client& bob_in_db = world.client({.user = "bob"});
  sim::Client& ann_in_db = world.connect();
  sim::Client& ann_in_more = world.connect();
  world.query(bob_in_db, "begin");
  ann_in_db.log_in({});
  world.run();
  world.advance(std::chrono::milliseconds(1));
  ann_in_more.log_in({.database = "more"});
  world.run();
  EXPECT_FALSE(ann_in_more.logged_in()) << "her one place is for who waits longer";
  world.advance(limits::place_kept_max);
  EXPECT_TRUE(ann_in_more.logged_in()) << "and bob's transaction may never end";
  EXPECT_EQ(world.query(bob_in_db, "commit"), "C(COMMIT) Z(I)");
  EXPECT_TRUE(ann_in_db.logged_in());
}

// The one is kept a place for while the other is not, and the other way round.
TEST_F(SharedLimitsTest, nor_for_two_such_pools_in_turn) {
  one_server_for_each_database_and_user();
  sim::Client& ann_in_db = world.client();
  sim::Client& bob_in_db = world.connect();
  sim::Client& bob_in_more = world.connect();
  sim::Client& ann_in_more = world.connect();
  world.query(ann_in_db, "begin");
  const auto log_in = [&](sim::Client& client, const std::string& user,
                          const std::string& database) {
    client.log_in({.user = user, .database = database});
    world.run();
  };
  log_in(bob_in_db, "bob", "db");  // which is full
  world.advance(std::chrono::milliseconds(1));
  log_in(bob_in_more, "bob", "more");
  world.advance(limits::place_kept_max);
  EXPECT_TRUE(bob_in_more.logged_in());
  log_in(ann_in_more, "ann", "more");  // ann's limit is full
  world.advance(limits::place_kept_max / 2);
  bob_in_more.heard();
  bob_in_more.say(sim::query("select 'b'"));
  world.advance(10 * limits::place_kept_max);
  EXPECT_EQ(bob_in_more.heard(), "T D(b) C(SELECT 1) Z(I)");
}

TEST_F(SharedLimitsTest, pools_of_a_host_that_hangs_do_not_pass_a_place_round_among_themselves) {
  sim::Postgres hanging;
  hanging.stall(true);
  world.settings.max_user_connections = 1;
  world.settings.query_wait_timeout = std::chrono::seconds(0);
  world.settings.client_login_timeout = std::chrono::seconds(0);
  world.settings.server_login_retry = std::chrono::milliseconds(200);
  world.settings.dns_max_ttl = std::chrono::hours(1);
  for (const char* name : {"dead", "dead too"}) {
    DatabaseSettings more = world.settings.databases[0];
    more.name = name;
    more.host = "10.0.0.2";
    world.settings.databases.push_back(more);
  }
  world.shell().add_host(sim::ipv4(10, 0, 0, 2, 5432), hanging);
  for (const char* name : {"dead", "dead too"}) {
    world.connect().log_in({.database = name});
    world.run();
    world.advance(std::chrono::milliseconds(1));
  }
  sim::Client& ann = world.connect();
  ann.log_in({});
  world.run();
  world.advance(2 * world.settings.server_connect_timeout + std::chrono::seconds(3));
  EXPECT_TRUE(ann.logged_in()) << "her place goes from one dead pool to the other";
}

TEST_F(SharedLimitsTest, nobody_makes_room_for_a_pool_that_may_not_try_yet) {
  world.settings.databases[0].max_db_connections = 1;
  sim::Client& ann = world.client();
  world.postgres.options().max_connections = 0;
  sim::Client& bob = world.client({.user = "bob"});
  EXPECT_FALSE(bob.logged_in()) << "its login was refused, and it tries again later";
  world.postgres.options().max_connections = 10;
  EXPECT_EQ(world.query(ann, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.query(ann, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.postgres.login_count(), 2u) << "ann's server was closed for nothing";
  world.advance(std::chrono::seconds(1));
  EXPECT_TRUE(bob.logged_in());
}

TEST_F(SharedLimitsTest, a_place_that_comes_free_goes_to_who_has_waited_longest) {
  world.settings.databases[0].max_db_connections = 1;
  sim::Client& ann = world.client();
  sim::Client& ann_too = world.client();
  world.query(ann, "begin");
  sim::Client& bob = world.connect();
  bob.log_in({.user = "bob"});
  world.run();
  world.advance(std::chrono::seconds(1));
  EXPECT_EQ(world.query(ann_too, "select 'second'"), "") << "the limit is full";
  world.query(ann, "commit");
  EXPECT_TRUE(bob.logged_in()) << "two pools took turns in opening servers, and served nobody";
  EXPECT_EQ(ann_too.heard(), "T D(second) C(SELECT 1) Z(I)");
}

TEST_F(SharedLimitsTest, a_server_that_is_not_wanted_when_it_has_logged_in_makes_room) {
  world.settings.databases[0].max_db_connections = 1;
  sim::Client& ann = world.client();
  sim::Client& bob = world.client({.user = "bob"});
  EXPECT_EQ(world.query(ann, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
  world.postgres.stall(true);
  world.query(bob, "select 'b'");
  world.advance(std::chrono::milliseconds(10));
  world.query(ann, "select 'c'");
  bob.vanish();
  world.postgres.stall(false);
  world.run();
  EXPECT_EQ(ann.heard(), "T D(c) C(SELECT 1) Z(I)");
}

}  // namespace
}  // namespace pgweir
