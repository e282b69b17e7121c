// What clients leave in their server's session, and what becomes of it.
#include "core/session/session_state.h"
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

using namespace std::chrono_literals;

// One server, which all share.
class SessionStateTest : public Story {
 protected:
  void be(SessionStatePolicy policy) { world.settings.session_state = policy; }
  std::string setting(sim::Client& client, const std::string& name) {
    return world.query(client, "show " + name);
  }
  std::size_t resets() const { return executed("DISCARD ALL"); }
  // It does not follow: what is not ASCII depends on the client's encoding.
  const std::string own_setting = "set search_path = '\xc3\xa4'";
};

TEST_F(SessionStateTest, a_clean_transaction_is_followed_by_nothing) {
  sim::Client& ann = world.client();
  world.query(ann, "begin");
  world.query(ann, "set local search_path = 'a'");
  world.query(ann, "create temp table t (a text) on commit drop");
  world.query(ann, "select pg_advisory_xact_lock(1)");
  world.query(ann, "commit");
  world.query(ann, "set application_name = 'ann'");
  sim::Client& bob = world.client();
  EXPECT_EQ(world.query(bob, "select 'b'"), "T D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(resets(), 0u);
}

TEST_F(SessionStateTest, reset_is_done_before_anybody_else_comes) {
  be(SessionStatePolicy::reset);
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  EXPECT_EQ(world.query(ann, own_setting), "C(SET) Z(I)");
  EXPECT_EQ(setting(bob, "search_path"), "T D(\"$user\", public) C(SHOW) Z(I)");
  EXPECT_EQ(resets(), 1u);
  EXPECT_EQ(setting(ann, "search_path"), "T D(\"$user\", public) C(SHOW) Z(I)");
  EXPECT_EQ(resets(), 1u);
}

TEST_F(SessionStateTest, a_transaction_keeps_its_state_to_its_end) {
  be(SessionStatePolicy::reset);
  sim::Client& ann = world.client();
  world.query(ann, "begin");
  world.query(ann, own_setting);
  EXPECT_EQ(setting(ann, "search_path"), "T D(\xc3\xa4) C(SHOW) Z(T)");
  world.query(ann, "commit");
  EXPECT_EQ(setting(ann, "search_path"), "T D(\"$user\", public) C(SHOW) Z(I)");
}

TEST_F(SessionStateTest, state_by_the_extended_protocol_is_seen) {
  be(SessionStatePolicy::reset);
  sim::Client& ann = world.client();
  EXPECT_EQ(world.ask(ann, execute(own_setting) + sim::sync()), "1 2 C(SET) Z(I)");
  EXPECT_EQ(resets(), 1u);
}

TEST_F(SessionStateTest, a_statement_that_was_prepared_long_ago_is_seen) {
  be(SessionStatePolicy::reset);
  sim::Client& ann = world.client();
  world.ask(ann, sim::parse("s", "listen jobs") + sim::sync());
  EXPECT_EQ(resets(), 0u) << "nothing was done yet";
  world.ask(ann, sim::bind("", "s") + sim::execute("") + sim::sync());
  EXPECT_EQ(resets(), 1u);
  // It is prepared anew: the reset has dropped it.
  EXPECT_EQ(world.ask(ann, sim::bind("", "s") + sim::execute("") + sim::sync()),
            "2 C(LISTEN) Z(I)");
}

TEST_F(SessionStateTest, what_drivers_set_as_they_connect_keeps_no_server) {
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  world.ask(ann, execute("set extra_float_digits = 3") + sim::sync());
  EXPECT_EQ(setting(bob, "extra_float_digits"), "T D(1) C(SHOW) Z(I)");
  EXPECT_EQ(setting(ann, "extra_float_digits"), "T D(3) C(SHOW) Z(I)");
  EXPECT_EQ(resets(), 0u);
  // Where their value is not known neither, but the session is reset.
  const auto effects = session::state_effects("set client_min_messages from current", false);
  EXPECT_TRUE(effects.any());
  EXPECT_FALSE(effects.pins());
}

TEST_F(SessionStateTest, a_pinned_server_stays_until_the_state_is_gone) {
  world.settings.default_pool_size = 1;
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  world.query(ann, "listen jobs");
  EXPECT_EQ(world.query(bob, "notify jobs, 'one'"), "") << "it waits";
  EXPECT_EQ(world.query(ann, "unlisten *"), "C(UNLISTEN) Z(I)");
  EXPECT_EQ(bob.heard(), "C(NOTIFY) Z(I)");
  EXPECT_EQ(resets(), 0u);
}

TEST_F(SessionStateTest, each_kind_of_state_has_its_end) {
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  for (const auto& [made, ended] : std::vector<std::pair<std::string, std::string>>{
           {"set search_path = '\xc3\xa4'", "reset search_path"},
           {"set search_path = '\xc3\xa4'", "reset all"},
           {"listen jobs", "unlisten jobs"},
           {"select pg_advisory_lock(7)", "select pg_advisory_unlock_all()"},
           {"create temp table t (a text)", "discard temp"},
           {"prepare p as select 'a'", "deallocate p"},
           {"declare c cursor with hold for select 'a'", "close c"},
           {"listen jobs", "discard all"}}) {
    for (const bool by_extended : {false, true}) {
      const auto say = [&](const std::string& text) {
        return by_extended ? execute(text) + sim::sync() : sim::query(text);
      };
      world.ask(ann, say(made));
      EXPECT_EQ(world.query(bob, "select 'b'"), "") << made << " does not pin";
      world.ask(ann, say(ended));
      EXPECT_EQ(bob.heard(), "T D(b) C(SELECT 1) Z(I)") << ended << " does not end it";
    }
  }
  EXPECT_EQ(executed("DISCARD ALL"), 0u);
}

TEST_F(SessionStateTest, what_takes_state_away_counts_only_when_it_is_committed) {
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  world.query(ann, "listen jobs");
  world.query(ann, "begin");
  world.query(ann, "unlisten *");
  world.query(ann, "rollback");
  EXPECT_EQ(world.query(bob, "select 'b'"), "");
  world.query(ann, "unlisten *");
  EXPECT_EQ(bob.heard(), "T D(b) C(SELECT 1) Z(I)");
}

TEST_F(SessionStateTest, notifications_come_at_once_to_a_client_that_is_idle) {
  world.settings.default_pool_size = 2;
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  world.query(ann, "listen jobs");
  world.query(bob, "notify jobs, 'one'");
  EXPECT_EQ(ann.heard(), "A(jobs|one)");
}

TEST_F(SessionStateTest, a_pinned_client_that_leaves_leaves_a_server_that_is_reset) {
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  world.query(ann, own_setting);
  world.ask(ann, sim::terminate());
  EXPECT_EQ(setting(bob, "search_path"), "T D(\"$user\", public) C(SHOW) Z(I)");
  EXPECT_EQ(resets(), 1u);
}

TEST_F(SessionStateTest, a_pinned_client_has_the_clock_of_an_idle_one) {
  world.settings.idle_transaction_timeout = 5s;
  world.settings.client_idle_timeout = 60s;
  sim::Client& ann = world.client();
  world.query(ann, "listen jobs");
  world.advance(30s);
  EXPECT_EQ(ann.heard(), "");
  world.advance(31s);
  EXPECT_EQ(ann.heard(), "E(57P05) EOF");
}

TEST_F(SessionStateTest, max_pinned_refuses_one_more) {
  world.settings.default_pool_size = 3;
  world.settings.max_pinned = 1;
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  world.query(ann, "listen jobs");
  EXPECT_EQ(world.query(bob, "set search_path = 'secret\xc3\xa4'"), "E(53300) Z(I)");
  EXPECT_EQ(bob.error_text(),
            "SET search_path is refused: it would keep a server for this client, and max_pinned of "
            "them are kept already");
  EXPECT_EQ(world.ask(bob, execute(own_setting) + sim::sync()), "1 E(53300) Z(I)");
  EXPECT_EQ(world.query(bob, "listen jobs"), "E(53300) Z(I)") << "what was refused pins nothing";
  EXPECT_EQ(world.query(ann, "listen more"), "C(LISTEN) Z(I)") << "it has its server";
  world.query(ann, "unlisten *");
  EXPECT_EQ(world.query(bob, own_setting), "C(SET) Z(I)");
}

TEST_F(SessionStateTest, error_refuses_in_its_place) {
  be(SessionStatePolicy::error);
  sim::Client& ann = world.client();
  EXPECT_EQ(world.query(ann, "listen jobs"), "E(0A000) Z(I)");
  EXPECT_EQ(world.ask(ann, sim::query("select 'a'") + sim::query("listen jobs") +
                               sim::query("select 'b'")),
            "T D(a) C(SELECT 1) Z(I) E(0A000) Z(I) T D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.ask(ann, execute("select 'a'") + execute("listen jobs") + execute("select 'b'") +
                               sim::sync()),
            "1 2 D(a) C(SELECT 1) E(0A000) Z(I)");
  world.query(ann, "begin");
  world.query(ann, "listen jobs");
  EXPECT_EQ(world.query(ann, "select 'a'"), "E(25P02) Z(E)");
  world.query(ann, "rollback");
  EXPECT_EQ(world.query(ann, "set local search_path = 'a'"), "N(25P01) C(SET) Z(I)");
  EXPECT_EQ(resets(), 0u);
}

TEST_F(SessionStateTest, a_database_has_its_own) {
  be(SessionStatePolicy::error);
  world.settings.databases.front().session_state = SessionStatePolicy::reset;
  sim::Client& ann = world.client();
  EXPECT_EQ(world.query(ann, "listen jobs"), "C(LISTEN) Z(I)");
  EXPECT_EQ(resets(), 1u);
}

TEST_F(SessionStateTest, a_reset_that_fails_closes_the_server) {
  be(SessionStatePolicy::reset);
  world.settings.server_reset_query = "error 22012";
  sim::Client& ann = world.client();
  world.query(ann, own_setting);
  EXPECT_EQ(setting(ann, "search_path"), "T D(\"$user\", public) C(SHOW) Z(I)");
  EXPECT_EQ(executed("error 22012"), 1u);
}

TEST_F(SessionStateTest, without_a_reset_query_the_server_is_closed) {
  be(SessionStatePolicy::reset);
  world.settings.server_reset_query = "";
  sim::Client& ann = world.client();
  world.query(ann, own_setting);
  EXPECT_EQ(setting(ann, "search_path"), "T D(\"$user\", public) C(SHOW) Z(I)");
}

TEST_F(SessionStateTest, a_text_too_long_to_look_into_is_followed_by_a_reset) {
  sim::Client& ann = world.client();
  const std::string text = "select '" + std::string(70'000, 'a') + "'";
  world.query(ann, text);
  EXPECT_EQ(resets(), 1u);
  world.query(ann, "select '" + std::string(60'000, 'a') + "'");
  EXPECT_EQ(resets(), 1u);
}

TEST_F(SessionStateTest, deallocate_all_frees_all_names_and_what_servers_have) {
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  const std::string use = sim::bind("", "s") + sim::execute("") + sim::sync();
  world.ask(ann, sim::parse("s", "select 'a'") + sim::sync());
  world.ask(bob, sim::parse("s", "select 'b'") + sim::sync());
  EXPECT_EQ(world.query(ann, "deallocate all"), "C(DEALLOCATE ALL) Z(I)");
  EXPECT_EQ(world.ask(bob, use), "2 D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.ask(ann, use), "E(26000) Z(I)");
  EXPECT_EQ(world.ask(ann, sim::query("deallocate all") + sim::parse("s", "select 'c'") +
                               sim::sync() + use),
            "C(DEALLOCATE ALL) Z(I) 1 Z(I) 2 D(c) C(SELECT 1) Z(I)");
}

TEST_F(SessionStateTest, deallocate_of_a_name_that_was_prepared_by_protocol) {
  sim::Client& ann = world.client();
  world.ask(ann, sim::parse("s", "select 'a'") + sim::sync());
  EXPECT_EQ(world.query(ann, "deallocate s"), "C(DEALLOCATE) Z(I)");
  EXPECT_EQ(world.query(ann, "deallocate s"), "E(26000) Z(I)");
  world.ask(ann, sim::parse("s", "select 'a'") + sim::sync());
  EXPECT_EQ(world.ask(ann, sim::query("begin") + sim::query("error") + sim::query("deallocate s")),
            "C(BEGIN) Z(T) E(22012) Z(E) E(25P02) Z(E)");
  world.query(ann, "rollback");
  EXPECT_EQ(world.ask(ann, sim::bind("", "s") + sim::execute("") + sim::sync()),
            "2 D(a) C(SELECT 1) Z(I)");
}

TEST_F(SessionStateTest, deallocate_by_name_among_other_statements) {
  sim::Client& ann = world.client();
  const std::string use = sim::bind("", "s") + sim::execute("") + sim::sync();
  const auto prepare = [&](const std::string& name) {
    EXPECT_EQ(world.ask(ann, sim::parse(name, "select 'a'") + sim::sync()), "1 Z(I)");
  };
  prepare("s");
  prepare("t");
  world.query(ann, "begin");
  EXPECT_EQ(world.query(ann, "savepoint x; deallocate s; deallocate t; release x"),
            "C(SAVEPOINT) C(DEALLOCATE)*2 C(RELEASE) Z(T)");
  world.query(ann, "commit");
  EXPECT_EQ(world.ask(ann, use), "E(26000) Z(I)");
  prepare("s");
  EXPECT_EQ(world.ask(ann, use), "2 D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.query(ann, "insert 1; deallocate s; deallocate s"),
            "C(INSERT 0 1) C(DEALLOCATE) E(26000) Z(I)");
  EXPECT_EQ(world.query(ann, "error; deallocate s"), "E(22012) Z(I)");
  EXPECT_EQ(world.ask(ann, use), "2 D(a) C(SELECT 1) Z(I)");
}

TEST_F(SessionStateTest, deallocate_by_name_that_failed_leaves_nothing_to_others) {
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  world.ask(ann, sim::parse("s", "select 'a'") + sim::sync());
  EXPECT_EQ(world.query(ann, "error; deallocate s"), "E(22012) Z(I)");
  EXPECT_EQ(world.query(bob, "deallocate s"), "E(26000) Z(I)");
}

// As drivers do it that pipeline.
TEST_F(SessionStateTest, deallocate_by_name_and_by_protocol) {
  sim::Client& ann = world.client();
  const std::string use = sim::bind("", "s") + sim::execute("") + sim::sync();
  const std::string prepare = sim::parse("s", "select 'a'") + sim::sync();
  const std::string free = execute("deallocate s") + sim::sync();
  EXPECT_EQ(world.ask(ann, prepare + free + use + prepare + use),
            "1 Z(I) 1 2 C(DEALLOCATE) Z(I) E(26000) Z(I) 1 Z(I) 2 D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.ask(ann, sim::bind("", "nobody") + free + use),
            "E(26000) Z(I) 2 D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.ask(ann, free + free), "1 2 C(DEALLOCATE) Z(I) 1 2 E(26000) Z(I)");
}

TEST_F(SessionStateTest, reload_and_drain_end_who_is_pinned) {
  sim::Client& ann = world.client();
  world.query(ann, "listen jobs");
  world.shell().command(event::Command::drain);
  world.run();
  EXPECT_EQ(ann.heard(), "E(57P01) EOF");
}

TEST_F(SessionStateTest, a_pinned_client_hears_that_its_server_is_gone) {
  sim::Client& ann = world.client();
  world.query(ann, "listen jobs");
  world.postgres.end_all("57P01");
  world.run();
  EXPECT_EQ(ann.heard(), "E(57P01) EOF");
}

TEST_F(SessionStateTest, what_pins_is_told_without_its_values) {
  const auto cause = [](std::string_view text) {
    return session::cause_of(session::state_effects(text, false));
  };
  EXPECT_EQ(cause("set search_path = 'secret\xc3\xa4'"), "SET search_path");
  EXPECT_EQ(cause("select set_config('my.password', 'secret' || '', false)"), "SET my.password");
  EXPECT_EQ(cause("prepare p as select 'secret'"), "PREPARE p");
  EXPECT_EQ(cause("begin; listen jobs; commit"), "LISTEN jobs");
  EXPECT_EQ(cause("select pg_advisory_lock(1)"), "pg_advisory_lock");
  EXPECT_EQ(cause("listen " + std::string(63, 'x')).size(), session::cause_size_max);
  EXPECT_EQ(cause("set local search_path = 'a'"), "");
}

TEST_F(SessionStateTest, of_an_unnamed_statement_is_seen_wherever_it_is_executed) {
  be(SessionStatePolicy::reset);
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  world.ask(ann, sim::parse("", own_setting) + sim::sync());
  world.ask(bob, execute("select 'b'") + sim::sync());
  EXPECT_EQ(resets(), 0u) << "nothing was done yet";
  EXPECT_EQ(world.ask(ann, sim::bind("", "") + sim::execute("") + sim::sync()), "2 C(SET) Z(I)");
  EXPECT_EQ(setting(bob, "search_path"), "T D(\"$user\", public) C(SHOW) Z(I)");
  EXPECT_EQ(resets(), 1u);
}

TEST_F(SessionStateTest, an_unnamed_statement_that_is_refused_is_none) {
  be(SessionStatePolicy::error);
  sim::Client& ann = world.client();
  const std::string run = sim::bind("", "") + sim::execute("") + sim::sync();
  world.ask(ann, sim::parse("", "insert 1") + sim::sync());
  EXPECT_EQ(world.ask(ann, sim::parse("", "listen jobs") + sim::sync()), "E(0A000) Z(I)");
  EXPECT_EQ(world.ask(ann, run), "E(26000) Z(I)");
  world.ask(ann, sim::parse("", "select 'a'") + sim::sync());
  world.ask(ann, sim::execute("nothing") + sim::parse("", "listen jobs") + sim::sync());
  EXPECT_EQ(world.ask(ann, run), "2 D(a) C(SELECT 1) Z(I)") << "what is skipped changes nothing";
  EXPECT_EQ(world.query(ann, "listen jobs"), "E(0A000) Z(I)");
  EXPECT_EQ(world.ask(ann, run), "E(26000) Z(I)") << "a simple query drops it";
}

// As PostgreSQL 15 does it.
TEST_F(SessionStateTest, an_unnamed_statement_outlives_deallocate_all_by_protocol) {
  sim::Client& ann = world.client();
  const std::string run = sim::bind("", "") + sim::execute("") + sim::sync();
  const std::string run_n = sim::bind("", "n") + sim::execute("") + sim::sync();
  world.ask(ann, sim::parse("", "select 'a'") + sim::parse("n", "deallocate all") + sim::sync());
  EXPECT_EQ(world.ask(ann, run_n + run), "2 C(DEALLOCATE ALL) Z(I) 2 D(a) C(SELECT 1) Z(I)");
  world.ask(ann, sim::parse("s", "select 's'") + sim::parse("", "select 'a'") + sim::sync());
  EXPECT_EQ(world.query(ann, "deallocate s"), "C(DEALLOCATE) Z(I)");
  EXPECT_EQ(world.ask(ann, run), "E(26000) Z(I)") << "a simple query drops it, made up or not";
}

}  // namespace
}  // namespace pgweir
