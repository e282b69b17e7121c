// The database "*", which stands for all that have no line of their own.
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

using namespace std::chrono_literals;

class AutodbTest : public Story {
 protected:
  AutodbTest() { world.settings.databases[0].name = "*"; }
  sim::Client& of(const std::string& database) { return world.client({.database = database}); }
  const std::string answer = "T D(a) C(SELECT 1) Z(I)";
};

TEST_F(AutodbTest, each_name_is_a_database_with_limits_of_its_own) {
  world.settings.databases[0].max_db_connections = 1;
  world.settings.default_pool_size = 2;
  sim::Client& one = of("one");
  sim::Client& two = of("two");
  world.query(one, "begin");
  world.query(two, "begin");
  EXPECT_EQ(world.postgres.sessions()[0]->database(), "one");
  EXPECT_EQ(world.postgres.sessions()[1]->database(), "two");
  sim::Client& later = of("two");
  EXPECT_EQ(world.query(later, "select 'a'"), "") << "its database has one server";
  world.query(two, "commit");
  EXPECT_EQ(later.heard(), answer);
}

TEST_F(AutodbTest, what_its_line_says_is_so_for_each) {
  world.settings.databases[0].pool_mode = PoolMode::session;
  world.settings.databases[0].timezone = "Europe/Paris";
  world.settings.default_pool_size = 1;
  sim::Client& one = of("one");
  sim::Client& other = of("one");
  EXPECT_EQ(world.query(one, "select 'a'"), answer);
  EXPECT_EQ(world.query(other, "select 'a'"), "") << "a session has the server";
  EXPECT_EQ(one.parameter("TimeZone"), "Europe/Paris");
}

TEST_F(AutodbTest, a_line_of_its_own_counts_more) {
  DatabaseSettings own = world.settings.databases[0];
  own.name = "own";
  own.dbname = "elsewhere";
  world.settings.databases.push_back(own);
  world.query(of("own"), "select 'a'");
  world.query(of("other"), "select 'a'");
  EXPECT_EQ(world.postgres.sessions()[0]->database(), "elsewhere");
  EXPECT_EQ(world.postgres.sessions()[1]->database(), "other");
}

TEST_F(AutodbTest, what_nobody_uses_is_closed_after_autodb_idle_timeout) {
  world.settings.server_idle_timeout = 0s;
  world.settings.server_lifetime = 0s;
  world.settings.autodb_idle_timeout = 60s;
  sim::Client& first = of("one");
  sim::Client& last = of("one");
  world.query(first, "select 'a'");
  world.ask(first, sim::terminate());
  world.advance(100s);
  EXPECT_EQ(world.postgres.session_count(), 1u) << "somebody is there, and may ask";
  world.ask(last, sim::terminate());
  world.advance(59s);
  EXPECT_EQ(world.postgres.session_count(), 1u);
  world.advance(2s);
  EXPECT_EQ(world.postgres.session_count(), 0u);
}

TEST_F(AutodbTest, who_comes_back_in_time_has_the_server_that_was_there) {
  world.settings.server_idle_timeout = 0s;
  world.settings.server_lifetime = 0s;
  world.settings.autodb_idle_timeout = 60s;
  sim::Client& first = of("one");
  world.query(first, "select 'a'");
  world.ask(first, sim::terminate());
  world.advance(50s);
  sim::Client& second = of("one");
  world.advance(50s);
  EXPECT_EQ(world.query(second, "select 'a'"), answer);
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(AutodbTest, a_forced_users_servers_are_not_kept_up_for_nobody) {
  world.settings.server_lifetime = 0s;
  world.settings.server_idle_timeout = 0s;
  world.settings.autodb_idle_timeout = 60s;
  world.settings.databases[0].user = "joe";
  world.settings.min_pool_size = 1;
  sim::Client& ann = of("one");
  world.query(ann, "select 'a'");
  world.ask(ann, sim::terminate());
  world.advance(200s);
  EXPECT_EQ(world.postgres.session_count(), 0u);
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(AutodbTest, what_nobody_uses_is_closed_though_min_pool_size_has_kept_it) {
  world.settings.server_lifetime = 0s;
  world.settings.server_idle_timeout = 10s;
  world.settings.autodb_idle_timeout = 60s;
  world.settings.min_pool_size = 1;
  sim::Client& ann = of("one");
  world.query(ann, "select 'a'");
  world.ask(ann, sim::terminate());
  world.advance(58s);
  EXPECT_EQ(world.postgres.session_count(), 1u);
  world.advance(4s);
  EXPECT_EQ(world.postgres.session_count(), 0u);
}

// The server is at the one machine, and the client that stays at the other.
TEST_F(AutodbTest, what_is_used_at_another_machine_is_not_closed) {
  world.machine_count = 2;
  world.settings.default_pool_size = 8;
  world.settings.databases[0].max_db_connections = 1;
  world.settings.server_lifetime = 0s;
  world.settings.server_idle_timeout = 0s;
  world.settings.autodb_idle_timeout = 60s;
  world.settings.min_pool_size = 1;
  sim::Client& here = of("one");
  world.advance(1s);
  sim::Client& there = of("one");
  world.advance(1s);
  for (sim::Client* client : {&there, &here}) {
    client->say(sim::query("select 'a'"));
    world.advance(1s);
    client->heard();
  }
  world.ask(here, sim::terminate());
  world.advance(200s);
  EXPECT_EQ(world.postgres.login_count(), 1u) << "else another is opened in its place";
  there.say(sim::query("select 'a'"));
  world.advance(1s);
  EXPECT_EQ(there.heard(), answer);
  world.ask(there, sim::terminate());
  world.advance(62s);
  EXPECT_EQ(world.postgres.session_count(), 0u);
}

TEST_F(AutodbTest, databases_with_a_line_keep_their_servers) {
  world.settings.databases[0].name = "db";
  world.settings.server_idle_timeout = 0s;
  world.settings.server_lifetime = 0s;
  world.settings.autodb_idle_timeout = 60s;
  sim::Client& ann = world.client();
  world.query(ann, "select 'a'");
  world.ask(ann, sim::terminate());
  world.advance(100s);
  EXPECT_EQ(world.postgres.session_count(), 1u);
}

}  // namespace
}  // namespace pgweir
