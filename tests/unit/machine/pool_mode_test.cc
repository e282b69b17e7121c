// How long a client keeps its server: pool_mode session and statement.
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

using namespace std::chrono_literals;

// One server, which all share.
class PoolModeTest : public Story {
 protected:
  void be(PoolMode mode) { world.settings.pool_mode = mode; }
  void reload(const Settings& next) {
    world.shell().set_settings(next);
    world.shell().command(event::Command::reload);
    world.run();
  }
  std::string select(sim::Client& client, const std::string& what) {
    return world.query(client, "select '" + what + "'");
  }
  std::size_t resets() const { return executed("DISCARD ALL"); }
  const std::string bind_s = sim::bind("", "s") + sim::execute("") + sim::sync();
};

TEST_F(PoolModeTest, a_session_has_its_server_until_it_goes) {
  be(PoolMode::session);
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  EXPECT_EQ(select(bob, "b"), "T D(b) C(SELECT 1) Z(I)") << "who asks nothing has no server";
  EXPECT_EQ(select(ann, "a"), "") << "it waits";
  EXPECT_EQ(select(bob, "b"), "T D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(resets(), 0u);
  world.ask(bob, sim::terminate());
  EXPECT_EQ(ann.heard(), "T D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(resets(), 1u) << "whatever was left there: not all is seen";
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(PoolModeTest, a_session_that_is_lost_in_a_transaction_is_rolled_back_and_reset) {
  be(PoolMode::session);
  sim::Client& ann = world.client();
  world.query(ann, "begin");
  world.query(ann, "insert lost");
  ann.vanish();
  world.run();
  sim::Client& bob = world.client();
  EXPECT_EQ(select(bob, "b"), "T D(b) C(SELECT 1) Z(I)");
  EXPECT_TRUE(world.postgres.ledger().empty());
  EXPECT_EQ(resets(), 1u);
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(PoolModeTest, in_a_session_all_state_stays_under_every_policy) {
  be(PoolMode::session);
  world.settings.session_state = SessionStatePolicy::error;
  world.settings.max_pinned = 1;
  world.settings.default_pool_size = 2;
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  for (sim::Client* one : {&ann, &bob}) {
    EXPECT_EQ(world.query(*one, "listen jobs"), "C(LISTEN) Z(I)");
    EXPECT_EQ(world.query(*one, "set search_path = '\xc3\xa4'"), "C(SET) Z(I)");
    EXPECT_EQ(world.query(*one, "create temp table t (a text)"), "C(CREATE TABLE) Z(I)");
    EXPECT_EQ(world.query(*one, "show search_path"), "T D(\xc3\xa4) C(SHOW) Z(I)");
  }
  EXPECT_EQ(resets(), 0u);
}

TEST_F(PoolModeTest, in_a_session_statements_have_their_own_names) {
  be(PoolMode::session);
  world.settings.max_prepared_statements = 0;
  sim::Client& ann = world.client();
  EXPECT_EQ(world.ask(ann, sim::parse("s", "select 'a'") + bind_s), "1 2 D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.query(ann, "execute s"), "T D(a) C(SELECT 1) Z(I)") << "SQL knows it too";
  EXPECT_EQ(world.query(ann, "prepare p as select 'p'"), "C(PREPARE) Z(I)");
  EXPECT_EQ(world.ask(ann, sim::bind("", "p") + sim::execute("") + sim::sync()),
            "2 D(p) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.ask(ann, sim::parse("s", "select 'b'") + sim::sync()), "E(42P05) Z(I)");
  EXPECT_EQ(world.ask(ann, sim::describe('S', "s") + sim::sync()), "t T Z(I)");
  EXPECT_EQ(world.query(ann, "deallocate p"), "C(DEALLOCATE) Z(I)");
  EXPECT_EQ(world.ask(ann, sim::close('S', "s") + sim::sync()), "3 Z(I)");
  EXPECT_EQ(world.ask(ann, bind_s), "E(26000) Z(I)");
  world.ask(ann, sim::parse("s", "select 'a'") + sim::sync());
  world.ask(ann, sim::terminate());
  sim::Client& bob = world.client();
  EXPECT_EQ(world.ask(bob, bind_s), "E(26000) Z(I)") << "and nobody else has them";
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(PoolModeTest, a_reset_that_leaves_statements_is_none) {
  be(PoolMode::session);
  world.settings.server_reset_query = "reset all";
  sim::Client& ann = world.client();
  world.ask(ann, sim::parse("s", "select 'a'") + bind_s);
  world.ask(ann, sim::terminate());
  sim::Client& bob = world.client();
  EXPECT_EQ(world.ask(bob, sim::parse("s", "select 'b'") + bind_s), "1 2 D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.postgres.login_count(), 2u);
}

TEST_F(PoolModeTest, without_a_reset_the_server_of_a_session_is_closed) {
  be(PoolMode::session);
  world.settings.server_reset_query = "";
  sim::Client& ann = world.client();
  select(ann, "a");
  world.ask(ann, sim::terminate());
  sim::Client& bob = world.client();
  EXPECT_EQ(select(bob, "b"), "T D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.postgres.login_count(), 2u);
}

TEST_F(PoolModeTest, what_the_startup_packet_asked_for_is_there_after_discard_all) {
  be(PoolMode::session);
  sim::Client& ann = world.client({.more = {{"search_path", "own"}}});
  EXPECT_EQ(world.query(ann, "show search_path"), "T D(own) C(SHOW) Z(I)");
  world.query(ann, "discard all");
  EXPECT_EQ(world.query(ann, "show search_path"), "T D(own) C(SHOW) Z(I)");
}

TEST_F(PoolModeTest, a_session_idles_by_the_clock_of_clients) {
  be(PoolMode::session);
  world.settings.idle_transaction_timeout = 5s;
  world.settings.transaction_timeout = 7s;
  world.settings.server_idle_timeout = 10s;
  world.settings.server_lifetime = 20s;
  world.settings.client_idle_timeout = 60s;
  sim::Client& ann = world.client();
  select(ann, "a");
  world.advance(59s);
  EXPECT_EQ(select(ann, "a"), "T D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.postgres.login_count(), 1u) << "its age counts when its client goes";
  world.advance(61s);
  EXPECT_EQ(ann.heard(), "E(57P05) EOF");
  EXPECT_EQ(world.postgres.session_count(), 0u);
}

TEST_F(PoolModeTest, in_a_transaction_of_a_session_the_clocks_of_transactions_run) {
  be(PoolMode::session);
  world.settings.idle_transaction_timeout = 5s;
  sim::Client& ann = world.client();
  world.query(ann, "begin");
  world.advance(6s);
  EXPECT_EQ(ann.heard(), "E(25P03) EOF");
}

TEST_F(PoolModeTest, who_waits_hears_of_sessions_that_idle) {
  be(PoolMode::session);
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  select(ann, "a");
  select(bob, "b");
  world.advance(121s);
  EXPECT_EQ(bob.heard(), "E(53300) EOF");
  EXPECT_NE(bob.error_text().find("1 are idle with clients whose pool_mode is session"),
            std::string::npos)
      << bob.error_text();
}

TEST_F(PoolModeTest, drain_ends_a_session_when_its_transaction_is_over) {
  be(PoolMode::session);
  world.settings.default_pool_size = 2;
  sim::Client& idle = world.client();
  sim::Client& busy = world.client();
  select(idle, "a");
  world.query(busy, "begin");
  world.shell().command(event::Command::drain);
  world.run();
  EXPECT_EQ(idle.heard(), "E(57P01) EOF");
  EXPECT_EQ(world.query(busy, "commit"), "C(COMMIT) Z(I) E(57P01) EOF");
}

TEST_F(PoolModeTest, a_database_that_moves_ends_its_idle_sessions) {
  be(PoolMode::session);
  sim::Client& ann = world.client();
  select(ann, "a");
  Settings next = world.settings;
  next.databases[0].dbname = "moved";
  reload(next);
  EXPECT_EQ(ann.heard(), "E(57P01) EOF");
}

TEST_F(PoolModeTest, a_cancel_in_doubt_ends_a_session_and_says_so) {
  be(PoolMode::session);
  sim::Client& ann = world.client();
  world.query(ann, "sleep");
  world.postgres.stall(true);  // nor does it close the connection that brings the cancel
  sim::Client& canceller = world.connect();
  world.ask(canceller, sim::cancel_request(ann.pid(), ann.secret()));
  world.advance(world.settings.cancel_wait_timeout + 1s);
  world.postgres.stall(false);
  world.run();
  EXPECT_TRUE(ann.heard().ends_with("Z(I) E(08006) EOF")) << ann.error_text();
  EXPECT_TRUE(ann.error_text().starts_with("cancel_wait_timeout")) << ann.error_text();
}

TEST_F(PoolModeTest, a_client_keeps_the_mode_it_logged_in_with) {
  world.settings.default_pool_size = 2;
  sim::Client& before = world.client();
  world.ask(before, sim::parse("s", "select 'a'") + sim::sync());
  Settings next = world.settings;
  next.pool_mode = PoolMode::session;
  reload(next);
  sim::Client& later = world.client();
  sim::Client& last = world.client();
  EXPECT_EQ(select(later, "l"), "T D(l) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.ask(before, bind_s), "2 D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(select(last, "l"), "T D(l) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.ask(before, bind_s), "") << "both are taken";
  reload(world.settings);
  EXPECT_EQ(select(later, "l"), "T D(l) C(SELECT 1) Z(I)");
  EXPECT_EQ(before.heard(), "") << "a session ends when its client goes";
  world.ask(later, sim::terminate());
  EXPECT_EQ(before.heard(), "2 D(a) C(SELECT 1) Z(I)");
}

TEST_F(PoolModeTest, users_and_databases_have_their_own) {
  world.settings.users = {{.name = "ann", .pool_mode = PoolMode::transaction}, {.name = "bob"}};
  world.settings.databases[0].pool_mode = PoolMode::session;
  world.settings.databases[0].user = "joe";  // one pool for both
  sim::Client& ann = world.client({.user = "ann"});
  sim::Client& bob = world.client({.user = "bob"});
  EXPECT_EQ(select(ann, "a"), "T D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(select(bob, "b"), "T D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(select(ann, "a"), "") << "bob has a session";
}

TEST_F(PoolModeTest, a_statement_is_a_transaction_in_statement_mode) {
  be(PoolMode::statement);
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  EXPECT_EQ(select(ann, "a"), "T D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.query(bob, "begin; insert x; commit"), "C(BEGIN) C(INSERT 0 1) C(COMMIT) Z(I)");
  EXPECT_EQ(world.ask(ann, sim::parse("s", "select 'a'") + bind_s), "1 2 D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.ask(ann, bind_s), "2 D(a) C(SELECT 1) Z(I)");
}

TEST_F(PoolModeTest, a_transaction_block_is_refused_in_statement_mode) {
  be(PoolMode::statement);
  for (const std::string& begins :
       {sim::query("begin"), execute("begin") + sim::sync(),
        sim::query("begin") + sim::query("insert lost") + sim::query("commit")}) {
    sim::Client& ann = world.client();
    EXPECT_TRUE(world.ask(ann, begins).ends_with("C(BEGIN) E(08P01) EOF"));
    EXPECT_EQ(ann.error_text(), "transaction blocks not allowed in statement pooling mode");
    sim::Client& bob = world.client();
    EXPECT_EQ(select(bob, "b"), "T D(b) C(SELECT 1) Z(I)");
  }
  EXPECT_EQ(world.postgres.login_count(), 1u) << "the server comes back clean";
}

}  // namespace
}  // namespace pgweir
