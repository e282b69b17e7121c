// What a client SETs, where its value is known, holds for it wherever it is served, and for nobody
// else; it keeps no server.
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

using std::chrono::milliseconds;

class FollowingSettingsTest : public Story {
 protected:
  FollowingSettingsTest() { world.settings.default_pool_size = 1; }
  std::string shown(sim::Client& client, const std::string& name) {
    const std::string heard = world.query(client, "show " + name);
    const std::size_t begin = heard.find("D(");
    return begin == std::string::npos ? heard
                                      : heard.substr(begin + 2, heard.find(')') - begin - 2);
  }
  void expect_no_reset() {
    EXPECT_EQ(executed("DISCARD ALL"), 0u);
    EXPECT_EQ(world.postgres.login_count(), 1u);
  }
};

// The same under each.
class FollowingUnderAnyPolicy : public FollowingSettingsTest,
                                public ::testing::WithParamInterface<SessionStatePolicy> {
 protected:
  FollowingUnderAnyPolicy() { world.settings.session_state = GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(Policies, FollowingUnderAnyPolicy,
                         ::testing::Values(SessionStatePolicy::pin, SessionStatePolicy::reset,
                                           SessionStatePolicy::error));

TEST_P(FollowingUnderAnyPolicy, each_client_has_its_own_on_a_shared_server) {
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  sim::Client& cid = world.client();
  EXPECT_EQ(world.query(ann, "set work_mem = '1MB'"), "C(SET) Z(I)");
  EXPECT_EQ(world.query(bob, "set search_path to one, two"), "C(SET) Z(I)");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(shown(ann, "work_mem"), "1MB");
    EXPECT_EQ(shown(ann, "search_path"), "\"$user\", public");
    EXPECT_EQ(shown(cid, "work_mem"), "4MB");
    EXPECT_EQ(shown(bob, "search_path"), "one, two");
    EXPECT_EQ(shown(bob, "work_mem"), "4MB");
  }
  expect_no_reset();
}

TEST_P(FollowingUnderAnyPolicy, by_the_extended_protocol_too) {
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  const std::string run = sim::bind("", "s") + sim::execute("") + sim::sync();
  EXPECT_EQ(world.ask(ann, execute("set work_mem = '1MB'") + sim::sync()), "1 2 C(SET) Z(I)");
  EXPECT_EQ(shown(bob, "work_mem"), "4MB");
  EXPECT_EQ(shown(ann, "work_mem"), "1MB");
  world.ask(ann, sim::parse("s", "set work_mem = '2MB'") + sim::sync());
  EXPECT_EQ(shown(ann, "work_mem"), "1MB") << "it was not executed";
  EXPECT_EQ(world.ask(ann, run), "2 C(SET) Z(I)");
  EXPECT_EQ(shown(bob, "work_mem"), "4MB");
  EXPECT_EQ(shown(ann, "work_mem"), "2MB");
  EXPECT_EQ(world.ask(ann, sim::bind("", "s") + sim::sync()), "2 Z(I)");
  world.query(ann, "set work_mem = '3MB'");
  EXPECT_EQ(world.ask(ann, sim::bind("", "s") + sim::sync()), "2 Z(I)");
  EXPECT_EQ(shown(bob, "work_mem"), "4MB");
  EXPECT_EQ(shown(ann, "work_mem"), "3MB") << "it was bound, and not executed";
  expect_no_reset();
}

TEST_P(FollowingUnderAnyPolicy, what_a_transaction_sets_follows_when_it_is_committed) {
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  world.query(ann, "begin");
  EXPECT_EQ(world.query(ann, "set work_mem = '1MB'"), "C(SET) Z(T)");
  world.query(ann, "set local geqo = off");
  world.query(ann, "commit");
  EXPECT_EQ(shown(bob, "work_mem"), "4MB");
  EXPECT_EQ(shown(ann, "work_mem"), "1MB");
  EXPECT_EQ(shown(ann, "geqo"), "on");
  expect_no_reset();
}

TEST_P(FollowingUnderAnyPolicy, what_is_rolled_back_is_as_it_was) {
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  world.query(ann, "set work_mem = '1MB'");
  world.query(ann, "begin");
  EXPECT_EQ(world.query(ann, "set work_mem = '2MB'"), "C(SET) Z(T)");
  world.query(ann, "rollback");
  EXPECT_EQ(shown(ann, "work_mem"), "1MB");
  EXPECT_EQ(world.query(ann, "reset work_mem"), "C(RESET) Z(I)");
  EXPECT_EQ(shown(bob, "work_mem"), "4MB");
  EXPECT_EQ(shown(ann, "work_mem"), "4MB");
}

TEST_P(FollowingUnderAnyPolicy, a_reset_returns_to_what_the_startup_packet_asked_for) {
  for (const std::string taken_back :
       {"reset work_mem", "set work_mem to default", "reset all", "discard all"}) {
    sim::Client& ann = world.client({.more = {{"work_mem", "1MB"}, {"geqo", "off"}}});
    sim::Client& bob = world.client();
    world.query(ann, "set work_mem = '2MB'");
    world.query(ann, "set search_path = a");
    EXPECT_EQ(shown(bob, "work_mem"), "4MB") << taken_back;
    EXPECT_EQ(shown(ann, "work_mem"), "2MB") << taken_back;
    EXPECT_FALSE(world.query(ann, taken_back).contains("E(")) << taken_back;
    EXPECT_EQ(shown(ann, "work_mem"), "1MB") << taken_back;
    EXPECT_EQ(shown(bob, "work_mem"), "4MB") << taken_back;
    EXPECT_EQ(shown(ann, "work_mem"), "1MB") << taken_back;
    EXPECT_EQ(shown(ann, "geqo"), "off") << taken_back;
    EXPECT_EQ(shown(ann, "search_path"),
              taken_back.contains("work_mem") ? "a" : "\"$user\", public");
  }
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_P(FollowingUnderAnyPolicy, the_last_of_one_text_counts) {
  sim::Client& ann = world.client({.more = {{"work_mem", "1MB"}}});
  sim::Client& bob = world.client();
  world.query(ann, "set work_mem = '2MB'; reset all; set work_mem = '3MB'; set geqo = off");
  EXPECT_EQ(shown(bob, "work_mem"), "4MB");
  EXPECT_EQ(shown(ann, "work_mem"), "3MB");
  EXPECT_EQ(shown(ann, "geqo"), "off");
  world.query(ann, "set work_mem = '4MB'; reset work_mem");
  EXPECT_EQ(shown(bob, "work_mem"), "4MB");
  EXPECT_EQ(shown(ann, "work_mem"), "1MB");
  expect_no_reset();
}

TEST_P(FollowingUnderAnyPolicy, what_its_client_leaves_behind_is_taken_back) {
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  world.query(ann, "set work_mem = '1MB'");
  world.ask(ann, sim::terminate());
  EXPECT_EQ(shown(bob, "work_mem"), "4MB");
  expect_no_reset();
}

TEST_P(FollowingUnderAnyPolicy, a_server_takes_it_along_to_another_machine) {
  world.machine_count = 2;
  world.settings.default_pool_size = 8;
  world.settings.handover_slack = milliseconds(1);
  world.settings.databases[0].max_db_connections = 1;
  sim::Client& here = world.client();
  sim::Client& there = world.client();
  const auto ask = [&](sim::Client& client, const std::string& text) {
    client.say(sim::query(text));
    world.run();
    world.advance(milliseconds(5));
    return client.heard();
  };
  EXPECT_EQ(ask(here, "set work_mem = '1MB'"), "C(SET) Z(I)");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask(there, "show work_mem"), "T D(4MB) C(SHOW) Z(I)");
    EXPECT_EQ(ask(here, "show work_mem"), "T D(1MB) C(SHOW) Z(I)");
  }
  expect_no_reset();
}

TEST_P(FollowingUnderAnyPolicy, in_front_of_an_answer_that_is_made_up) {
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  world.ask(ann, sim::parse("s", "select 'a'") + sim::sync());
  EXPECT_EQ(world.ask(ann, sim::query("set work_mem = '1MB'") + sim::query("deallocate s")),
            "C(SET) Z(I) C(DEALLOCATE) Z(I)");
  EXPECT_EQ(shown(bob, "work_mem"), "4MB");
  EXPECT_EQ(shown(ann, "work_mem"), "1MB");
  expect_no_reset();
}

TEST_F(FollowingSettingsTest, what_failed_keeps_its_server) {
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  EXPECT_EQ(world.ask(ann, sim::query("set work_mem = '1MB'") + sim::query("error 22012")),
            "C(SET) Z(I) E(22012) Z(I)");
  EXPECT_EQ(world.query(bob, "select 'b'"), "") << "whether it was set is not known";
  EXPECT_EQ(shown(ann, "work_mem"), "1MB");
  EXPECT_EQ(world.query(ann, "set work_mem = '2MB'"), "C(SET) Z(I)");
  EXPECT_EQ(bob.heard(), "T D(b) C(SELECT 1) Z(I)") << "now it is";
  EXPECT_EQ(shown(ann, "work_mem"), "2MB");
  EXPECT_EQ(shown(bob, "work_mem"), "4MB");
  expect_no_reset();
}

TEST_F(FollowingSettingsTest, what_failed_keeps_no_server_beyond_max_pinned) {
  world.settings.default_pool_size = 2;
  world.settings.max_pinned = 1;
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  world.query(ann, "listen jobs");
  EXPECT_EQ(world.query(bob, "begin"), "C(BEGIN) Z(T)");
  EXPECT_EQ(world.query(bob, "set work_mem = '1MB'"), "C(SET) Z(T)");
  EXPECT_EQ(world.query(bob, "rollback"), "C(ROLLBACK) Z(I)");
  EXPECT_EQ(executed("DISCARD ALL"), 1u);
  EXPECT_EQ(shown(bob, "work_mem"), "4MB");
}

TEST_F(FollowingSettingsTest, what_is_set_in_another_role_stays_where_it_is) {
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  world.query(ann, "set role somebody");
  world.query(ann, "set work_mem = '1MB'");
  world.query(ann, "reset role");
  EXPECT_EQ(world.query(bob, "select 'b'"), "");
  EXPECT_EQ(shown(ann, "work_mem"), "1MB");
  world.query(ann, "reset all");
  EXPECT_EQ(bob.heard(), "T D(b) C(SELECT 1) Z(I)");
}

TEST_F(FollowingSettingsTest, error_refuses_what_cannot_follow) {
  world.settings.session_state = SessionStatePolicy::error;
  sim::Client& ann = world.client();
  for (const std::string text :
       {"set search_path = '\xc3\xa4'", "set role somebody",
        "set role somebody; set work_mem = '1MB'", "set transaction_read_only = on"}) {
    EXPECT_EQ(world.query(ann, text), "E(0A000) Z(I)") << text;
  }
  const std::string too_long(2000, 'a');
  EXPECT_EQ(world.query(ann, "set search_path = '" + too_long + "'"), "E(0A000) Z(I)");
  world.ask(ann, sim::parse("s", "set work_mem = '1MB'") + sim::sync());
  EXPECT_EQ(world.ask(ann, sim::bind("portal", "s") + sim::execute("portal") + sim::sync()),
            "E(0A000) Z(I)")
      << "when a portal with a name is executed is not seen";
}

TEST_F(FollowingSettingsTest, other_state_keeps_its_server_as_ever) {
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  world.query(ann, "set work_mem = '1MB'; listen jobs");
  EXPECT_EQ(world.query(bob, "show work_mem"), "");
  world.query(ann, "unlisten *");
  EXPECT_EQ(bob.heard(), "T D(4MB) C(SHOW) Z(I)");
  EXPECT_EQ(shown(ann, "work_mem"), "1MB");
  expect_no_reset();
}

TEST_F(FollowingSettingsTest, it_outlives_its_server) {
  sim::Client& ann = world.client();
  world.query(ann, "set work_mem = '1MB'");
  world.postgres.end_all("57P01");
  world.run();
  EXPECT_EQ(shown(ann, "work_mem"), "1MB");
}

}  // namespace
}  // namespace pgweir
