// What a client asks for in its startup packet beyond what PostgreSQL reports holds wherever it is
// served, and for nobody else.
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class StartupSettingsTest : public Story {
 protected:
  std::string shown(sim::Client& client, const std::string& name) {
    const std::string heard = world.query(client, "show " + name);
    const std::size_t begin = heard.find("D(");
    return begin == std::string::npos ? heard
                                      : heard.substr(begin + 2, heard.find(')') - begin - 2);
  }
  std::size_t set_ups() const {
    std::size_t count = 0;
    for (const std::string& line : world.postgres.statements())
      count += line.contains("set_config");
    return count;
  }
};

TEST_F(StartupSettingsTest, each_client_has_its_own_on_a_shared_server) {
  sim::Client& a = world.client({.more = {{"work_mem", "1MB"}, {"geqo", "off"}}});
  sim::Client& b = world.client({.more = {{"WORK_MEM", "2MB"}}});
  sim::Client& c = world.client();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(shown(a, "work_mem"), "1MB");
    EXPECT_EQ(shown(b, "work_mem"), "2MB");
    EXPECT_EQ(shown(b, "geqo"), "on");
    EXPECT_EQ(shown(a, "geqo"), "off");
    EXPECT_EQ(shown(c, "work_mem"), "4MB");
  }
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(StartupSettingsTest, who_asks_for_what_the_server_has_costs_nothing) {
  sim::Client& a = world.client({.more = {{"work_mem", "1MB"}, {"geqo", "off"}}});
  sim::Client& b = world.client({.more = {{"options", "-c geqo=off --work-mem=1MB"}}});
  EXPECT_EQ(shown(a, "work_mem"), "1MB");
  EXPECT_EQ(shown(b, "work_mem"), "1MB");
  EXPECT_EQ(set_ups(), 1u);
}

TEST_F(StartupSettingsTest, the_packet_counts_more_than_its_options_and_the_last_of_a_name) {
  sim::Client& a = world.client({.more = {{"work_mem", "1MB"},
                                          {"options", "-c work_mem=2MB"},
                                          {"options", "-c work_mem=3MB -c geqo=off"}}});
  EXPECT_EQ(shown(a, "work_mem"), "1MB");
  EXPECT_EQ(shown(a, "geqo"), "off");
  sim::Client& b = world.client({.more = {{"work_mem", "1MB"}, {"Work_Mem", "2MB"}}});
  EXPECT_EQ(shown(b, "work_mem"), "2MB");
}

TEST_F(StartupSettingsTest, one_that_is_ignored_is_dropped_in_options_too) {
  world.settings.ignore_startup_parameters = {"work_mem"};
  sim::Client& a = world.client({.more = {{"work_mem", "1MB"}, {"options", "-c WORK_MEM=2MB"}}});
  EXPECT_EQ(shown(a, "work_mem"), "4MB");
}

TEST_F(StartupSettingsTest, one_that_a_server_does_not_report_is_kept_all_the_same) {
  world.postgres.options().server_version = "13.4";
  sim::Client& a = world.client({.more = {{"default_transaction_read_only", "on"}}});
  sim::Client& b = world.client();
  EXPECT_EQ(shown(a, "default_transaction_read_only"), "on");
  EXPECT_EQ(shown(b, "default_transaction_read_only"), "off");
}

TEST_F(StartupSettingsTest, one_that_a_server_reports_is_told_and_follows_a_set) {
  world.postgres.options().server_version = "18.1";
  sim::Client& a = world.client({.more = {{"search_path", "one"}}});
  sim::Client& b = world.client();
  EXPECT_EQ(a.parameter("search_path"), "one");
  EXPECT_EQ(world.query(b, "set search_path = two"), "C(SET) S(search_path=two) Z(I)");
  EXPECT_EQ(world.query(b, "set default_transaction_read_only = on"),
            "C(SET) S(default_transaction_read_only=on) Z(I)");
  EXPECT_EQ(shown(a, "search_path"), "one");
  EXPECT_EQ(shown(a, "default_transaction_read_only"), "off");
  EXPECT_EQ(shown(b, "search_path"), "two");
  EXPECT_EQ(shown(b, "default_transaction_read_only"), "on");
}

TEST_F(StartupSettingsTest, what_is_refused_is_told_as_by_postgresql_and_nothing_is_done) {
  sim::Client& a = world.client({.more = {{"work_mem", "invalid"}}});
  EXPECT_EQ(world.query(a, "insert mine"), "E(22023) EOF");
  EXPECT_EQ(a.error_text(), "invalid value for parameter \"work_mem\": \"invalid\"");
  sim::Client& b = world.client({.more = {{"nonsense", "1"}}});
  EXPECT_EQ(world.query(b, "insert mine"), "E(42704) EOF");
  EXPECT_TRUE(world.postgres.ledger().empty());
  EXPECT_EQ(shown(world.client(), "work_mem"), "4MB");
  EXPECT_EQ(world.postgres.login_count(), 1u) << "the server is as good as it was";
}

TEST_F(StartupSettingsTest, who_is_refused_leaves_the_server_as_others_had_it) {
  sim::Client& good = world.client({.more = {{"work_mem", "1MB"}}});
  EXPECT_EQ(shown(good, "work_mem"), "1MB");
  sim::Client& bad = world.client({.more = {{"work_mem", "invalid"}}});
  EXPECT_EQ(world.query(bad, "insert mine"), "E(22023) EOF");
  EXPECT_EQ(shown(good, "work_mem"), "1MB");
  EXPECT_EQ(shown(world.client(), "work_mem"), "4MB");
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(StartupSettingsTest, once_taken_they_go_in_front_of_a_request_in_one_write) {
  sim::Client& a = world.client({.more = {{"work_mem", "1MB"}}});
  sim::Client& b = world.client();
  EXPECT_EQ(shown(a, "work_mem"), "1MB");
  world.query(b, "select 'b'");
  world.postgres.stall(true);
  a.say(sim::query("select 'a'"));
  world.run();
  std::string asked;
  for (const auto& session : world.postgres.sessions())
    asked += session->stream()->unread_by_peer();
  EXPECT_NE(asked.find("set_config"), std::string::npos);
  EXPECT_NE(asked.find("select 'a'"), std::string::npos);
  world.postgres.stall(false);
  world.run();
  EXPECT_EQ(a.heard(), "T D(a) C(SELECT 1) Z(I)");
}

TEST_F(StartupSettingsTest, a_cancel_before_they_are_taken_is_answered_and_hits_nobody) {
  sim::Client& a = world.client({.more = {{"work_mem", "1MB"}}});
  world.postgres.stall(true);
  a.say(sim::query("insert mine"));
  world.run();
  world.ask(world.connect(), sim::cancel_request(a.pid(), a.secret()));
  EXPECT_EQ(a.heard(), "E(57014) Z(I)");
  world.postgres.stall(false);
  world.run();
  EXPECT_TRUE(world.postgres.ledger().empty());
  EXPECT_EQ(shown(a, "work_mem"), "1MB");
}

TEST_F(StartupSettingsTest, a_cancel_before_they_are_sent_keeps_the_server) {
  world.settings.default_pool_size = 1;
  world.shell_options.pipe_capacity = 100;
  sim::Client& a = world.client({.more = {{"work_mem", "1MB"}, {"geqo", "off"}}});
  world.postgres.stall(true);
  a.say(sim::query("insert mine"));
  world.run();
  world.ask(world.connect(), sim::cancel_request(a.pid(), a.secret()));
  EXPECT_EQ(a.heard(), "E(57014) Z(I)");
  world.postgres.stall(false);
  world.run();
  EXPECT_EQ(shown(a, "work_mem"), "1MB");
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(StartupSettingsTest,
       a_server_that_does_not_take_them_in_time_is_no_reason_to_wait_for_ever) {
  world.settings.query_timeout = seconds(3);
  world.query(world.client(), "select 'an idle server'");
  sim::Client& a = world.client({.more = {{"work_mem", "1MB"}}});
  world.postgres.stall(true);
  a.say(sim::query("insert mine"));
  world.run();
  world.advance(seconds(4));
  EXPECT_EQ(a.heard(), "E(57014) EOF");
  world.postgres.stall(false);
  world.run();
  EXPECT_TRUE(world.postgres.ledger().empty());
}

TEST_F(StartupSettingsTest, who_sends_no_more_still_gets_its_answer) {
  sim::Client& a = world.client({.more = {{"work_mem", "1MB"}}});
  a.say(sim::query("show work_mem"));
  a.finish();
  world.run();
  EXPECT_EQ(a.heard(), "T D(1MB) C(SHOW) Z(I) EOF");
}

TEST_F(StartupSettingsTest, a_server_takes_them_along_to_another_machine) {
  world.machine_count = 2;
  world.settings.default_pool_size = 8;
  world.settings.handover_slack = milliseconds(1);
  world.settings.databases[0].max_db_connections = 1;
  sim::Client& here = world.client({.more = {{"work_mem", "1MB"}}});
  sim::Client& there = world.client();
  const auto ask = [&](sim::Client& client) {
    client.say(sim::query("show work_mem"));
    world.run();
    world.advance(milliseconds(5));
    return client.heard();
  };
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask(here), "T D(1MB) C(SHOW) Z(I)");
    EXPECT_EQ(ask(there), "T D(4MB) C(SHOW) Z(I)");
  }
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(StartupSettingsTest, a_reset_of_the_session_takes_them_along) {
  world.settings.session_state = SessionStatePolicy::reset;
  sim::Client& a = world.client({.more = {{"work_mem", "1MB"}}});
  sim::Client& b = world.client();
  const std::string not_ascii = "'\xc3\xa4'";  // does not follow
  EXPECT_EQ(world.query(a, "set search_path = " + not_ascii), "C(SET) Z(I)");
  EXPECT_EQ(shown(a, "work_mem"), "1MB");
  EXPECT_EQ(shown(a, "search_path"), "\"$user\", public");
  EXPECT_EQ(world.query(a, "set work_mem = " + not_ascii), "C(SET) Z(I)");
  EXPECT_EQ(shown(b, "work_mem"), "4MB");
  EXPECT_EQ(shown(a, "work_mem"), "1MB");
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(StartupSettingsTest, whatever_the_reset_query_leaves_is_taken_back) {
  world.settings.session_state = SessionStatePolicy::reset;
  world.settings.server_reset_query = "select 'of ones own'";
  sim::Client& a = world.client({.more = {{"work_mem", "1MB"}}});
  sim::Client& b = world.client();
  EXPECT_EQ(world.query(a, "listen jobs"), "C(LISTEN) Z(I)");
  EXPECT_EQ(shown(b, "work_mem"), "4MB");
  EXPECT_EQ(shown(a, "work_mem"), "1MB");
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(StartupSettingsTest, what_a_client_takes_back_itself_is_its_own_again) {
  for (const std::string taken_back : {"reset work_mem", "reset all", "discard all"}) {
    for (const bool pinned : {false, true}) {
      sim::Client& a = world.client({.more = {{"work_mem", "1MB"}, {"geqo", "off"}}});
      sim::Client& b = world.client();
      EXPECT_EQ(shown(a, "work_mem"), "1MB");
      if (pinned) world.query(a, "select pg_advisory_lock(7)");
      world.query(a, "set work_mem = '2MB'");
      EXPECT_EQ(shown(a, "work_mem"), "2MB");
      EXPECT_FALSE(world.query(a, taken_back).contains("E("));
      EXPECT_EQ(shown(a, "work_mem"), "1MB") << taken_back;
      EXPECT_EQ(shown(a, "geqo"), "off") << taken_back;
      world.query(a, "select pg_advisory_unlock_all()");
      EXPECT_EQ(shown(b, "work_mem"), "4MB") << taken_back;
      EXPECT_EQ(shown(b, "geqo"), "on") << taken_back;
    }
  }
}

// asyncpg says RESET ALL whenever its pool takes a connection back.
TEST_F(StartupSettingsTest, what_the_server_reports_is_taken_back_to_what_a_client_came_with) {
  const std::string zone = "S(TimeZone=Asia/Tokyo) ";
  for (const std::string taken_back : {"reset TimeZone", "reset all", "discard all"}) {
    sim::Client& a = world.client({.more = {{"TimeZone", "Asia/Tokyo"}}});
    sim::Client& b = world.client();
    EXPECT_FALSE(world.query(a, taken_back).contains("S(")) << "it is what it was";
    EXPECT_EQ(shown(a, "TimeZone"), "Asia/Tokyo") << taken_back;
    world.query(a, "set TimeZone = 'UTC'");
    EXPECT_TRUE(world.query(a, taken_back).contains(zone + "Z(I)")) << taken_back;
    EXPECT_EQ(shown(b, "TimeZone"), "Etc/UTC") << taken_back;
    const std::string behind = world.ask(a, sim::query(taken_back) + sim::query("show TimeZone"));
    EXPECT_TRUE(behind.ends_with("Z(I) T D(Asia/Tokyo) C(SHOW) Z(I)")) << behind;
    a.vanish();
    b.vanish();
    world.run();
  }
}

TEST_F(StartupSettingsTest, what_the_server_reports_and_a_transaction_takes_back) {
  sim::Client& a = world.client({.more = {{"TimeZone", "Asia/Tokyo"}}});
  world.query(a, "set TimeZone = 'UTC'");
  world.query(a, "begin");
  EXPECT_EQ(world.query(a, "reset TimeZone"), "C(RESET) S(TimeZone=Asia/Tokyo) Z(T)");
  EXPECT_EQ(world.query(a, "rollback"), "C(ROLLBACK) S(TimeZone=UTC) Z(I)");
  EXPECT_EQ(shown(a, "TimeZone"), "UTC");
  world.query(a, "begin");
  world.query(a, "reset TimeZone");
  EXPECT_EQ(world.query(a, "commit"), "C(COMMIT) Z(I)");
  EXPECT_EQ(shown(a, "TimeZone"), "Asia/Tokyo");
  world.query(a, "begin");
  world.query(a, "reset TimeZone");
  EXPECT_EQ(world.query(a, "set TimeZone = 'UTC'"), "C(SET) S(TimeZone=UTC) Z(T)");
  world.query(a, "commit");
  EXPECT_EQ(shown(a, "TimeZone"), "UTC");
}

TEST_F(StartupSettingsTest, what_is_said_behind_such_a_reset_waits_for_it) {
  sim::Client& a = world.client({.more = {{"work_mem", "1MB"}}});
  world.query(a, "listen jobs");
  EXPECT_EQ(world.ask(a, sim::query("reset all") + sim::query("show work_mem")),
            "C(RESET) Z(I) T D(1MB) C(SHOW) Z(I)");
  EXPECT_EQ(
      world.ask(a, execute("reset all") + sim::sync() + execute("show work_mem") + sim::sync()),
      "1 2 C(RESET) Z(I) 1 2 D(1MB) C(SHOW) Z(I)");
}

TEST_F(StartupSettingsTest, what_was_set_behind_such_a_reset_stays) {
  sim::Client& a = world.client({.more = {{"work_mem", "1MB"}, {"geqo", "off"}}});
  EXPECT_EQ(world.ask(a, sim::query("reset all; set work_mem = '2MB'")), "C(RESET) C(SET) Z(I)");
  EXPECT_EQ(shown(a, "work_mem"), "2MB");
  EXPECT_EQ(shown(a, "geqo"), "off");
}

TEST_F(StartupSettingsTest, a_reset_that_is_rolled_back_leaves_nothing_to_the_next) {
  sim::Client& a = world.client({.more = {{"work_mem", "1MB"}}});
  sim::Client& b = world.client();
  for (const std::string text : {"begin; reset all; rollback", "reset all; error"}) {
    world.query(a, text);
    EXPECT_EQ(shown(b, "work_mem"), "4MB") << text;
    EXPECT_EQ(shown(a, "work_mem"), "1MB") << text;
  }
}

}  // namespace
}  // namespace pgweir
