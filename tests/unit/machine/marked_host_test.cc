// What a server says of its host counts for all that are there: a host that ends sessions is
// marked, one that has become a standby is left.
#include <algorithm>

#include "tests/unit/machine/scripted_server.h"
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

using namespace std::chrono_literals;

// Two servers, both idle.
class MarkedHostTest : public Story {
 protected:
  MarkedHostTest() {
    world.settings.default_pool_size = 2;
    world.settings.server_check_query = "";
  }

  void open_two() {
    ann = &world.client();
    bob = &world.client();
    world.query(*ann, "begin");
    world.query(*bob, "begin");
    world.query(*ann, "commit");
    world.query(*bob, "commit");
    ASSERT_EQ(world.postgres.session_count(), 2u);
  }
  sim::PostgresSession& first_session() { return *world.postgres.sessions().front(); }
  std::string select(sim::Client& client) { return world.query(client, "select 'a'"); }
  std::size_t checks() const { return executed(""); }
  std::size_t marks() { return world.shell().note_count(NoteKind::host_marked); }
  std::string last_mark() {
    std::string text;
    for (const auto& note : world.shell().notes()) {
      if (note.kind == NoteKind::host_marked) text = note.text;
    }
    return text;
  }

  ScriptedServer scripted;  // another host, for who adds it
  sim::Client* ann = nullptr;
  sim::Client* bob = nullptr;
  const std::string answer = "T D(a) C(SELECT 1) Z(I)";
};

TEST_F(MarkedHostTest, the_others_are_checked_when_one_is_terminated) {
  open_two();
  first_session().end("57P01");
  world.run();
  EXPECT_EQ(checks(), 0u) << "nobody wants one";
  EXPECT_EQ(select(*ann), answer);
  EXPECT_EQ(checks(), 1u) << "though server_check_query is empty";
  EXPECT_EQ(select(*bob), answer);
  EXPECT_EQ(checks(), 1u) << "it has answered";
  EXPECT_EQ(world.postgres.login_count(), 2u);
  EXPECT_EQ(marks(), 1u);
  EXPECT_NE(last_mark().find("10.0.0.1 port 5432 said 57P01 (admin_shutdown)"), std::string::npos)
      << last_mark();
}

TEST_F(MarkedHostTest, a_crash_is_told_by_a_warning) {
  open_two();
  first_session().crash();
  world.run();
  EXPECT_EQ(select(*ann), answer);
  EXPECT_EQ(checks(), 1u);
  EXPECT_NE(last_mark().find("57P02"), std::string::npos) << last_mark();
}

TEST_F(MarkedHostTest, one_in_use_is_checked_when_its_client_is_done) {
  open_two();
  world.query(*ann, "begin");
  world.query(*bob, "begin");
  first_session().end("57P01");
  world.run();
  sim::Client& left = ann->ended() ? *bob : *ann;
  EXPECT_EQ(world.query(left, "commit"), "C(COMMIT) Z(I)");
  EXPECT_EQ(checks(), 0u);
  EXPECT_EQ(select(left), answer);
  EXPECT_EQ(checks(), 1u);
}

TEST_F(MarkedHostTest, a_dead_one_is_noticed_by_its_check_and_nobody_is_told) {
  open_two();
  first_session().end("57P01");
  world.run();
  world.postgres.stall(true);
  ann->say(sim::query("select 'a'"));
  world.run();
  world.postgres.vanish_all();
  world.postgres.stall(false);
  world.run();
  EXPECT_EQ(ann->heard(), answer);
}

TEST_F(MarkedHostTest, servers_of_other_pools_are_there_too) {
  DatabaseSettings other = world.settings.databases[0];
  other.name = "other";
  world.settings.databases.push_back(other);
  ann = &world.client();
  bob = &world.client({.database = "other"});
  select(*ann);
  select(*bob);
  first_session().end("57P01");
  world.run();
  EXPECT_EQ(select(*ann), answer);
  EXPECT_EQ(select(*bob), answer);
  EXPECT_EQ(checks(), 1u);
  EXPECT_EQ(world.postgres.login_count(), 3u);
}

TEST_F(MarkedHostTest, servers_of_other_machines_are_there_too) {
  world.machine_count = 2;
  world.settings.default_pool_size = 8;
  world.settings.handover_slack = 1ms;
  open_two();
  first_session().end("57P01");
  world.run();
  world.advance(10ms);
  ann->say(sim::query("select 'a'"));
  bob->say(sim::query("select 'a'"));
  world.run();
  world.advance(10ms);
  EXPECT_EQ(ann->heard(), answer);
  EXPECT_EQ(bob->heard(), answer);
  EXPECT_EQ(checks(), 1u);
}

// The first of two servers is checked, and begins to say something else behind its answer; then its
// host is marked again.
TEST_F(MarkedHostTest, a_mark_behind_the_answer_of_a_check_is_another_mark) {
  world.settings.databases[0].host = "10.0.0.2";
  world.shell().add_host(sim::ipv4(10, 0, 0, 2, 5432), scripted);
  const auto command = [](const char* tag, const char* status) {
    return sim::message('C', sim::cstring(tag)) + sim::message('Z', status);
  };
  const std::string nothing = sim::message('I', "") + sim::message('Z', "I");
  const std::string status = sim::parameter_status("TimeZone", "UTC");

  ann = &world.client();
  bob = &world.client();
  world.query(*ann, "begin");
  world.query(*bob, "begin");
  ASSERT_EQ(scripted.connection_count(), 2);
  scripted.say_on(0, command("BEGIN", "T"));
  world.query(*ann, "commit");
  scripted.say_on(0, command("COMMIT", "I"));
  scripted.say_on(1, sim::error_response("FATAL", "57P01", "the end"));
  world.run();
  scripted.heard();
  ann->heard();

  ann->say(sim::query("select 'a'"));
  world.run();
  EXPECT_EQ(scripted.heard(), "Q") << "the first is checked";
  scripted.say_on(0, nothing + status.substr(0, 8));
  scripted.greeting = sim::error_response("FATAL", "57P03", "not yet");
  world.client();
  world.run();
  EXPECT_EQ(scripted.heard(), "^") << "the host is marked";
  scripted.say_on(0, status.substr(8));
  world.run();
  EXPECT_EQ(scripted.heard(), "Q") << "it is checked again";
  scripted.say_on(0, nothing);
  world.run();
  EXPECT_EQ(ann->heard(), "") << "that was the answer of a check";
}

TEST_F(MarkedHostTest, it_is_noted_once_for_many) {
  open_two();
  world.postgres.end_all("57P01");
  world.run();
  EXPECT_EQ(marks(), 1u);
  EXPECT_EQ(select(*ann), answer);
  world.advance(60s);
  world.postgres.end_all("57P01");
  world.run();
  EXPECT_EQ(marks(), 2u);
}

TEST_F(MarkedHostTest, a_host_that_lets_nobody_in_is_marked_and_waited_for) {
  world.settings.default_pool_size = 3;
  open_two();
  sim::Client& cid = world.client();
  world.query(*ann, "begin");
  world.query(*bob, "begin");
  world.postgres.options().starting_up = true;
  EXPECT_EQ(select(cid), "") << "it waits";
  EXPECT_NE(last_mark().find("57P03"), std::string::npos) << last_mark();
  EXPECT_EQ(world.query(*ann, "commit"), "C(COMMIT) Z(I)");
  EXPECT_EQ(cid.heard(), answer);
  EXPECT_EQ(checks(), 1u);
}

TEST_F(MarkedHostTest, who_waits_for_a_host_that_starts_up_is_told_by_query_wait_timeout) {
  world.settings.query_wait_timeout = 20s;
  sim::Client& client = world.client();
  select(client);
  world.postgres.options().starting_up = true;
  world.postgres.end_all("57P01");
  world.run();
  client.say(sim::query("select 'a'"));
  world.advance(19s);
  EXPECT_EQ(client.heard(), "");
  world.advance(2s);
  EXPECT_EQ(client.heard(), "E(57P03) EOF");
  EXPECT_NE(client.error_text().find("query_wait_timeout: no server for 20 s"), std::string::npos)
      << client.error_text();
}

TEST_F(MarkedHostTest, who_raises_such_a_warning_marks_nothing) {
  open_two();
  world.postgres.sessions().front()->warn("57P02");
  world.run();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(world.query(*ann, "begin"), "C(BEGIN) Z(T)");
    EXPECT_EQ(select(*bob), answer);
    EXPECT_EQ(world.query(*ann, "commit"), "C(COMMIT) Z(I)");
  }
  EXPECT_EQ(checks(), 1u) << "whether it is still there";
  EXPECT_EQ(marks(), 0u);
}

// As in an immediate shutdown: what is given to the next in that step would be lost.
TEST_F(MarkedHostTest, words_behind_the_last_answer_are_heard_before_it_is_given_away) {
  world.settings.default_pool_size = 1;
  world.settings.databases[0].host = "10.0.0.2";
  world.shell().add_host(sim::ipv4(10, 0, 0, 2, 5432), scripted);
  const std::string done = sim::message('C', sim::cstring("SELECT 0")) + sim::message('Z', "I");
  const std::string warning = sim::warning_response("the end", "57P02");
  ann = &world.client();
  bob = &world.client();
  ann->say(sim::query("select 'a'"));
  bob->say(sim::query("select 'b'"));
  world.run();
  scripted.heard();
  scripted.say_on(0, warning + done);
  world.run();
  EXPECT_EQ(scripted.heard(), "Q") << "who goes on behind such a warning is bob's";
  ann->say(sim::query("select 'a'"));
  world.run();
  scripted.say_on(0, done + warning);
  world.run();
  EXPECT_EQ(scripted.heard(), "Q") << "a check";
  scripted.finish();
  world.run();
  EXPECT_EQ(scripted.heard(), "^Q") << "ann's, on another";
  EXPECT_FALSE(ann->ended());
}

TEST_F(MarkedHostTest, a_standby_that_refuses_a_write_is_left) {
  world.postgres.options().standby = true;
  open_two();
  EXPECT_EQ(world.query(*ann, "insert into ledger values ('v')"), "E(25006) Z(I)");
  EXPECT_EQ(world.postgres.session_count(), 0u) << "both have gone";
  EXPECT_NE(last_mark().find("25006"), std::string::npos) << last_mark();
  world.postgres.options().standby = false;  // where its name leads now
  EXPECT_EQ(world.query(*ann, "insert into ledger values ('v')"), "C(INSERT 0 1) Z(I)");
  EXPECT_EQ(world.postgres.login_count(), 3u);
}

TEST_F(MarkedHostTest, a_standby_is_left_at_the_end_of_the_transaction) {
  world.postgres.options().standby = true;
  open_two();
  world.query(*bob, "begin");
  world.query(*ann, "begin");
  EXPECT_EQ(world.query(*ann, "insert into ledger values ('v')"), "E(25006) Z(E)");
  EXPECT_EQ(world.postgres.session_count(), 2u);
  EXPECT_EQ(world.query(*ann, "rollback"), "C(ROLLBACK) Z(I)");
  EXPECT_EQ(world.postgres.session_count(), 1u);
  EXPECT_EQ(world.query(*bob, "commit"), "C(COMMIT) Z(I)");
  EXPECT_EQ(world.postgres.session_count(), 0u) << "this one when it came free";
}

TEST_F(MarkedHostTest, who_reads_from_a_standby_keeps_its_servers_whatever_is_written_by_mistake) {
  world.postgres.options().standby = true;
  open_two();
  for (int i = 0; i < 5; ++i) world.query(*ann, "insert into ledger values ('v')");
  EXPECT_EQ(world.postgres.login_count(), 3u);
  world.advance(16s);
  world.query(*ann, "insert into ledger values ('v')");
  select(*ann);
  EXPECT_EQ(world.postgres.login_count(), 4u) << "once in server_login_retry";
}

TEST_F(MarkedHostTest, a_read_only_transaction_says_nothing_of_its_host) {
  open_two();
  world.query(*ann, "begin read only");
  EXPECT_EQ(world.query(*ann, "insert into ledger values ('v')"), "E(25006) Z(E)");
  world.query(*ann, "rollback");
  select(*ann);
  EXPECT_EQ(world.postgres.session_count(), 2u);
  EXPECT_EQ(world.postgres.login_count(), 2u);
  EXPECT_EQ(checks(), 0u);
  EXPECT_EQ(marks(), 0u);
}

TEST_F(MarkedHostTest, one_that_was_promoted_meanwhile_is_no_standby) {
  world.postgres.options().standby = true;
  open_two();
  world.postgres.promote();
  EXPECT_EQ(select(*ann), "T D(a) C(SELECT 1) S(in_hot_standby=off) Z(I)");
  world.query(*ann, "begin read only");
  world.query(*ann, "insert into ledger values ('v')");
  world.query(*ann, "rollback");
  EXPECT_EQ(marks(), 0u);
}

TEST_F(MarkedHostTest, one_that_is_promoted_before_it_comes_free_is_not_left) {
  world.postgres.options().standby = true;
  open_two();
  world.query(*ann, "begin");
  EXPECT_EQ(world.query(*ann, "insert into ledger values ('v')"), "E(25006) Z(E)");
  world.postgres.promote();
  EXPECT_EQ(world.query(*ann, "rollback"), "C(ROLLBACK) S(in_hot_standby=off) Z(I)");
  EXPECT_EQ(world.postgres.session_count(), 2u);
  EXPECT_EQ(marks(), 0u) << last_mark();
}

TEST_F(MarkedHostTest, a_client_whose_session_is_at_a_standby_keeps_it) {
  world.settings.pool_mode = PoolMode::session;
  world.settings.server_reset_query = "discard all";
  world.postgres.options().standby = true;
  sim::Client& client = world.client();
  EXPECT_EQ(world.query(client, "insert into ledger values ('v')"), "E(25006) Z(I)");
  EXPECT_EQ(select(client), answer);
  client.finish();
  world.run();
  EXPECT_EQ(world.postgres.session_count(), 0u);
}

}  // namespace
}  // namespace pgweir
