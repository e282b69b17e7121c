// What pgweir itself asks its servers: connect_query, server_check_query,
// server_reset_query_always.
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

using namespace std::chrono_literals;

// One server, which all share.
class OwnQueryTest : public Story {
 protected:
  DatabaseSettings& database() { return world.settings.databases[0]; }
  std::string select(sim::Client& client, const std::string& what = "a") {
    return world.query(client, "select '" + what + "'");
  }
  std::size_t checks() const { return executed(""); }
  const std::string answer = "T D(a) C(SELECT 1) Z(I)";
};

TEST_F(OwnQueryTest, a_server_that_was_silent_for_long_is_checked) {
  sim::Client& ann = world.client();
  EXPECT_EQ(select(ann), answer);
  world.advance(29s);
  EXPECT_EQ(select(ann), answer);
  EXPECT_EQ(checks(), 0u);
  world.advance(31s);
  EXPECT_EQ(select(ann), answer);
  EXPECT_EQ(checks(), 1u);
  EXPECT_EQ(select(ann), answer);
  EXPECT_EQ(checks(), 1u) << "its answer is as good as any";
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(OwnQueryTest, one_is_checked_for_each_that_waits) {
  world.settings.default_pool_size = 3;
  std::vector<sim::Client*> clients{&world.client(), &world.client(), &world.client()};
  for (sim::Client* one : clients) world.query(*one, "begin");
  for (sim::Client* one : clients) world.query(*one, "commit");
  world.advance(31s);
  EXPECT_EQ(select(*clients[0]), answer);
  EXPECT_EQ(checks(), 1u);
  for (sim::Client* one : clients) one->say(sim::query("begin"));
  world.run();
  EXPECT_EQ(checks(), 3u) << "the first one was there";
  EXPECT_EQ(world.postgres.login_count(), 3u);
}

TEST_F(OwnQueryTest, without_a_query_or_before_its_delay_nothing_is_checked) {
  world.settings.server_check_query = "";
  sim::Client& ann = world.client();
  select(ann);
  world.advance(300s);
  EXPECT_EQ(select(ann), answer);
  EXPECT_EQ(checks(), 0u);
}

TEST_F(OwnQueryTest, a_delay_of_zero_checks_whenever_it_was_silent_at_all) {
  world.settings.server_check_delay = 0s;
  sim::Client& ann = world.client();
  select(ann);
  world.advance(1s);
  EXPECT_EQ(select(ann), answer);
  EXPECT_EQ(checks(), 1u);
}

TEST_F(OwnQueryTest, who_fails_its_check_is_closed_and_the_client_gets_another) {
  world.settings.server_check_query = "error 22012";
  sim::Client& ann = world.client();
  select(ann);
  world.advance(31s);
  EXPECT_EQ(select(ann), answer);
  EXPECT_EQ(world.postgres.login_count(), 2u);
}

TEST_F(OwnQueryTest, who_does_not_answer_is_not_waited_for) {
  world.settings.default_pool_size = 2;
  sim::Client& ann = world.client();
  select(ann);
  world.advance(31s);
  world.postgres.stall(true);
  select(ann);
  EXPECT_EQ(world.shell().socket_count(SocketKind::server), 1u) << "it may answer soon";
  world.advance(1s);
  EXPECT_EQ(world.shell().socket_count(SocketKind::server), 2u);
  world.advance(5s);
  EXPECT_EQ(world.shell().socket_count(SocketKind::server), 1u);
  world.postgres.stall(false);
  world.run();
  EXPECT_EQ(ann.heard(), answer);
  EXPECT_EQ(world.postgres.login_count(), 2u);
}

TEST_F(OwnQueryTest, one_that_nobody_needs_makes_room_while_another_is_checked) {
  DatabaseSettings other = database();
  other.name = "other";
  world.settings.databases.push_back(other);
  world.settings.default_pool_size = 2;
  world.settings.max_user_connections = 2;
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  world.query(ann, "begin");
  world.query(bob, "begin");
  world.query(ann, "commit");
  world.query(bob, "commit");
  world.advance(31s);
  world.postgres.stall(true);
  select(ann);
  sim::Client& cid = world.connect();
  cid.log_in({.database = "other"});
  world.run();
  cid.say(sim::query("select 'a'"));
  world.postgres.stall(false);
  world.run();
  EXPECT_EQ(ann.heard(), answer);
  EXPECT_EQ(cid.heard(), answer);
  EXPECT_EQ(world.postgres.session_count_max(), 2u);
}

TEST_F(OwnQueryTest, a_client_that_leaves_during_the_check_leaves_a_good_server) {
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  select(ann);
  world.advance(31s);
  ann.say(sim::query("select 'a'"));
  ann.vanish();
  world.run();
  EXPECT_EQ(select(bob), answer);
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(OwnQueryTest, a_reset_follows_every_transaction_where_that_is_asked_for) {
  world.settings.server_reset_query_always = true;
  sim::Client& ann = world.client({.more = {{"search_path", "own"}}});
  sim::Client& bob = world.client();
  world.query(ann, "begin");
  select(ann);
  EXPECT_EQ(executed("DISCARD ALL"), 0u);
  world.query(ann, "commit");
  EXPECT_EQ(executed("DISCARD ALL"), 1u);
  EXPECT_EQ(select(bob), answer);
  EXPECT_EQ(executed("DISCARD ALL"), 2u);
  EXPECT_EQ(world.query(ann, "show search_path"), "T D(own) C(SHOW) Z(I)");
}

TEST_F(OwnQueryTest, a_reset_always_of_nothing_is_none) {
  world.settings.server_reset_query_always = true;
  world.settings.server_reset_query = "";
  sim::Client& ann = world.client();
  select(ann);
  EXPECT_EQ(select(ann), answer);
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(OwnQueryTest, connect_query_comes_before_anybody) {
  database().connect_query = "set search_path = 'own'";
  sim::Client& ann = world.client();
  EXPECT_EQ(world.query(ann, "show search_path"), "T D(own) C(SHOW) Z(I)");
  EXPECT_EQ(select(ann), answer);
  EXPECT_EQ(executed("set search_path = 'own'"), 1u);
  EXPECT_EQ(executed("DISCARD ALL"), 0u) << "what it leaves is for all";
}

TEST_F(OwnQueryTest, connect_query_is_asked_again_after_a_reset) {
  database().connect_query = "set work_mem = '77MB'";
  database().session_state = SessionStatePolicy::reset;
  sim::Client& ann = world.client();
  world.query(ann, "discard all");
  EXPECT_EQ(executed(database().connect_query), 2u);
  EXPECT_EQ(world.query(world.client(), "show work_mem"), "T D(77MB) C(SHOW) Z(I)");
  world.query(ann, "reset work_mem");
  EXPECT_EQ(world.query(world.client(), "show work_mem"), "T D(77MB) C(SHOW) Z(I)");
  world.query(ann, "listen l");  // pgweir resets it
  EXPECT_EQ(world.query(world.client(), "show work_mem"), "T D(77MB) C(SHOW) Z(I)");
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(OwnQueryTest, what_connect_query_has_set_is_there_again_behind_a_clients_own) {
  database().connect_query = "set work_mem = '77MB'";
  sim::Client& ann = world.client();
  sim::Client& bob = world.client({.more = {{"work_mem", "5MB"}}});
  world.query(ann, "set work_mem = '6MB'");
  EXPECT_EQ(world.query(bob, "show work_mem"), "T D(5MB) C(SHOW) Z(I)");
  EXPECT_EQ(world.query(world.client(), "show work_mem"), "T D(77MB) C(SHOW) Z(I)");
  EXPECT_EQ(world.query(ann, "show work_mem"), "T D(6MB) C(SHOW) Z(I)");
  EXPECT_EQ(executed(database().connect_query), 1u);
  world.query(bob, "reset geqo");
  EXPECT_EQ(executed(database().connect_query), 2u);
  EXPECT_EQ(world.query(bob, "show work_mem"), "T D(5MB) C(SHOW) Z(I)");
}

TEST_F(OwnQueryTest,
       connect_query_whose_text_does_not_tell_what_it_sets_is_asked_again_behind_them) {
  database().connect_query = "set role app";
  sim::Client& ann = world.client({.more = {{"role", "ann"}}});
  sim::Client& bob = world.client();
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(world.query(ann, "show role"), "T D(ann) C(SHOW) Z(I)");
    EXPECT_EQ(world.query(bob, "show role"), "T D(app) C(SHOW) Z(I)");
  }
  EXPECT_EQ(executed(database().connect_query), 3u);
}

TEST_F(OwnQueryTest, what_connect_query_sets_is_what_clients_are_told) {
  database().connect_query = "set TimeZone = 'Asia/Tokyo'";
  sim::Client& ann = world.client();
  sim::Client& bob = world.client({.more = {{"TimeZone", "UTC"}}});
  EXPECT_EQ(ann.parameter("TimeZone"), "Asia/Tokyo");
  EXPECT_EQ(world.query(bob, "show TimeZone"), "T D(UTC) C(SHOW) Z(I)");
  EXPECT_EQ(world.query(ann, "show TimeZone"), "T D(Asia/Tokyo) C(SHOW) Z(I)");
}

TEST_F(OwnQueryTest, connect_query_that_fails_is_ignored) {
  database().connect_query = "error 22012";
  sim::Client& ann = world.client();
  EXPECT_EQ(select(ann), answer);
  EXPECT_EQ(executed("error 22012"), 1u);
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(OwnQueryTest, a_connect_query_that_never_ends_keeps_no_server) {
  database().connect_query = "sleep";
  world.settings.query_wait_timeout = 20s;
  sim::Client& ann = world.client();
  select(ann);
  world.advance(21s);
  EXPECT_EQ(ann.heard(), "E(53300) EOF");
}

TEST_F(OwnQueryTest, a_database_says_what_its_servers_begin_with) {
  database().timezone = "Europe/Paris";
  database().application_name = "pooled";
  sim::Client& ann = world.client();
  sim::Client& bob = world.client({.more = {{"TimeZone", "Asia/Tokyo"}}});
  EXPECT_EQ(ann.parameter("TimeZone"), "Europe/Paris");
  EXPECT_EQ(ann.parameter("application_name"), "pooled");
  EXPECT_EQ(bob.parameter("TimeZone"), "Asia/Tokyo");
  EXPECT_EQ(world.query(bob, "show TimeZone"), "T D(Asia/Tokyo) C(SHOW) Z(I)");
  EXPECT_EQ(world.query(ann, "show TimeZone"), "T D(Europe/Paris) C(SHOW) Z(I)");
}

TEST_F(OwnQueryTest, what_servers_begin_with_is_changed_by_a_reload) {
  sim::Client& ann = world.client();
  select(ann);
  Settings next = world.settings;
  next.databases[0].connect_query = "set search_path = 'own'";
  world.shell().set_settings(next);
  world.shell().command(event::Command::reload);
  world.run();
  EXPECT_EQ(world.query(ann, "show search_path"), "T D(own) C(SHOW) Z(I)");
  EXPECT_EQ(world.postgres.login_count(), 2u);
}

}  // namespace
}  // namespace pgweir
