// CancelRequest: its own statement or nothing (PostgreSQL: "Canceling Requests in Progress").
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

class CancelTest : public Story {
 protected:
  // How the pooler treats the canceller's own connection: no answer, closed.
  void cancel(std::uint32_t pid, const std::string& secret) {
    sim::Client& canceller = world.connect();
    EXPECT_EQ(world.ask(canceller, sim::cancel_request(pid, secret)), "EOF");
  }
  void cancel(const sim::Client& client) { cancel(client.pid(), client.secret()); }
};

TEST_F(CancelTest, a_running_statement_is_cancelled) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.query(client, "sleep"), "");
  cancel(client);
  EXPECT_EQ(client.heard(), "T E(57014) Z(I)");
  EXPECT_EQ(world.query(client, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.shell().note_count(NoteKind::cancel_sent), 1u);
}

TEST_F(CancelTest, a_wrong_key_cancels_nothing) {
  sim::Client& client = world.client();
  world.query(client, "sleep");
  cancel(client.pid(), sim::almost(client.secret()));
  cancel(client.pid() + 1, client.secret());
  cancel(1001, sim::int32(1001 * 2654435761u));  // the server's own
  EXPECT_EQ(client.heard(), "");
  EXPECT_EQ(world.shell().socket_count(SocketKind::cancel), 0u);
  world.postgres.wake_sleepers();
  world.run();
  EXPECT_EQ(client.heard(), "T D(awake) C(SELECT 1) Z(I)");
}

TEST_F(CancelTest, a_longer_key_is_compared_to_its_last_byte) {
  sim::Client& client = world.connect();
  client.say(sim::startup({{"user", "ann"}, {"database", "db"}}, 0x30002));
  EXPECT_EQ(world.query(client, "sleep"), "");
  const std::string& secret = client.secret();
  ASSERT_EQ(secret.size(), 32u);
  for (const std::string& wrong :
       {sim::almost(secret), secret.substr(0, 4), secret.substr(0, 31), secret + '\0',
        std::string(256, 'x'), std::string(257, 'x'), std::string(3, 'x'), std::string()}) {
    cancel(client.pid(), wrong);
    EXPECT_EQ(client.heard(), "") << wrong.size();
  }
  cancel(client);
  EXPECT_EQ(client.heard(), "T E(57014) Z(I)");
}

TEST_F(CancelTest, an_idle_clients_cancel_does_not_reach_the_next_clients_statement) {
  sim::Client& a = world.client();
  sim::Client& b = world.client();
  world.query(a, "select 'a'");
  world.query(b, "sleep");
  cancel(a);
  EXPECT_EQ(b.heard(), "");
  world.postgres.wake_sleepers();
  world.run();
  EXPECT_EQ(b.heard(), "T D(awake) C(SELECT 1) Z(I)");
}

TEST_F(CancelTest, a_waiting_client_is_answered_without_a_server) {
  sim::Client& a = world.client();
  sim::Client& b = world.client();
  world.query(a, "begin");
  world.query(b, "insert never");
  cancel(b);
  EXPECT_EQ(b.heard(), "E(57014) Z(I)");
  world.query(a, "commit");
  EXPECT_EQ(executed("insert never"), 0u);
  EXPECT_EQ(world.query(b, "select 'b'"), "T D(b) C(SELECT 1) Z(I)");
}

// The server that has what was prepared before must not take it for what is prepared behind it.
TEST_F(CancelTest, of_a_waiting_query_makes_no_older_unnamed_statement_the_last_one) {
  world.settings.default_pool_size = 2;
  sim::Client& a = world.client();
  sim::Client& b = world.client();
  sim::Client& c = world.client();
  const auto run = [](const std::string& name) {
    return sim::bind("", name) + sim::execute("") + sim::sync();
  };
  EXPECT_EQ(world.ask(a, sim::parse("", "select 'old'") + sim::sync()), "1 Z(I)");
  // By names, so that the server's unnamed statement stays.
  world.ask(b, sim::parse("b", "begin") + sim::parse("c", "commit") + run("b"));
  world.query(c, "begin");
  world.query(a, "select 'waits'");
  cancel(a);
  EXPECT_EQ(a.heard(), "E(57014) Z(I)");
  world.query(c, "commit");
  EXPECT_EQ(world.ask(a, sim::parse("", "select 'new'") + sim::sync()), "1 Z(I)");
  world.query(c, "begin");
  world.ask(b, run("c"));
  EXPECT_EQ(world.ask(a, run("")), "2 D(new) C(SELECT 1) Z(I)");
  world.query(c, "commit");
}

TEST_F(CancelTest, a_waiting_pipeline_is_answered_at_its_sync) {
  sim::Client& a = world.client();
  sim::Client& b = world.client();
  world.query(a, "begin");
  world.ask(b, execute("insert never") + sim::sync() + sim::query("select 'after'"));
  cancel(b);
  world.query(a, "commit");
  EXPECT_EQ(b.heard(), "E(57014) Z(I) T D(after) C(SELECT 1) Z(I)");
  EXPECT_EQ(executed("insert never"), 0u);
}

TEST_F(CancelTest, a_server_does_not_change_hands_while_its_cancel_is_on_the_way) {
  sim::Client& a = world.client();
  sim::Client& b = world.client();
  world.query(a, "sleep");
  world.query(b, "sleep");
  world.postgres.set_welcome(sim::Host::Welcome::never_answer);
  cancel(a);
  world.postgres.wake_sleepers();
  world.run();
  EXPECT_EQ(a.heard(), "T D(awake) C(SELECT 1) Z(I)");
  EXPECT_EQ(executed("sleep"), 1u) << "b got a's server while a's cancel may still arrive";
  world.postgres.set_welcome(sim::Host::Welcome::accept);
  world.advance(std::chrono::seconds(20));
  EXPECT_EQ(executed("sleep"), 2u);
}

TEST_F(CancelTest, cancelling_twice_is_cancelling_once) {
  sim::Client& client = world.client();
  world.query(client, "sleep");
  cancel(client);
  cancel(client);
  EXPECT_EQ(client.heard(), "T E(57014) Z(I)");
}

TEST_F(CancelTest, a_statement_held_behind_another_ones_cancel_is_cancelled_when_it_is_sent) {
  sim::Client& client = world.client();
  world.query(client, "begin");
  world.query(client, "sleep");
  world.postgres.set_welcome(sim::Host::Welcome::never_answer);
  cancel(client);
  world.postgres.wake_sleepers();
  world.run();
  EXPECT_EQ(client.heard(), "T D(awake) C(SELECT 1) Z(T)");
  EXPECT_EQ(world.query(client, "sleep"), "");
  cancel(client);
  world.postgres.set_welcome(sim::Host::Welcome::accept);
  EXPECT_EQ(world.shell().socket_count(SocketKind::cancel), 1u);
  EXPECT_EQ(executed("sleep"), 1u);
  world.advance(world.settings.cancel_wait_timeout);  // the first is given up
  EXPECT_EQ(client.heard(), "T E(57014) Z(E)");
  EXPECT_EQ(executed("sleep"), 2u);
  EXPECT_EQ(world.query(client, "rollback"), "C(ROLLBACK) Z(I)");
}

TEST_F(CancelTest, what_is_said_after_the_cancel_of_a_held_statement_is_not_hit) {
  world.settings.pool_mode = PoolMode::session;
  sim::Client& client = world.client();
  world.query(client, "sleep");
  world.postgres.set_welcome(sim::Host::Welcome::never_answer);
  cancel(client);
  world.postgres.wake_sleepers();
  world.run();
  EXPECT_EQ(client.heard(), "T D(awake) C(SELECT 1) Z(I)");
  world.query(client, "insert held");
  cancel(client);
  world.query(client, "insert next");
  world.advance(world.settings.cancel_wait_timeout);
  EXPECT_EQ(client.heard(), "C(INSERT 0 1) Z(I)") << "its own cancel has come too late";
  EXPECT_EQ(executed("insert next"), 0u) << "which is still on its way";
  world.advance(world.settings.cancel_wait_timeout);
  EXPECT_EQ(client.heard(), "C(INSERT 0 1) Z(I)");
  world.postgres.set_welcome(sim::Host::Welcome::accept);
}

TEST_F(CancelTest, nothing_new_is_sent_where_a_cancel_may_still_hit) {
  sim::Client& client = world.client();
  world.query(client, "begin");
  world.query(client, "sleep");
  world.postgres.stall(true);
  cancel(client);
  world.advance(world.settings.cancel_wait_timeout + std::chrono::seconds(1));
  world.postgres.stall(false);
  world.run();
  EXPECT_EQ(client.heard(), "T E(57014) Z(E)");
  EXPECT_EQ(world.query(client, "select 'next'"), "E(08006) EOF");
  EXPECT_EQ(executed("select 'next'"), 0u);
}

TEST_F(CancelTest, a_server_nobody_else_may_get_is_closed_at_once_though_a_cancel_is_on_its_way) {
  sim::Client& client = world.client();
  world.ask(client, sim::parse("", "copy in") + sim::bind("", "") + sim::execute("") + sim::sync());
  world.postgres.set_welcome(sim::Host::Welcome::never_answer);
  cancel(client);
  world.postgres.set_welcome(sim::Host::Welcome::accept);
  EXPECT_EQ(world.ask(client, sim::copy_fail("no") + sim::sync()), "E(57014) Z(I)");
  EXPECT_EQ(world.query(client, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
}

TEST_F(CancelTest, one_that_waits_for_pgweirs_own_question_hits_nothing_that_is_said_after_it) {
  sim::Client& client = world.client({.more = {{"application_name", "mine"}}});
  world.postgres.stall(true);
  world.query(client, "sleep");  // behind what pgweir asks for the client's application_name
  cancel(client);
  world.query(client, "insert next");
  world.postgres.set_welcome(sim::Host::Welcome::never_answer);
  world.postgres.stall(false);
  world.run();
  world.postgres.wake_sleepers();
  world.run();
  EXPECT_EQ(client.heard(), "T D(awake) C(SELECT 1) Z(I)");
  EXPECT_EQ(executed("insert next"), 0u) << "the cancel is still on its way";
  world.advance(world.settings.cancel_wait_timeout);
  EXPECT_EQ(client.heard(), "C(INSERT 0 1) Z(I)");
  world.postgres.set_welcome(sim::Host::Welcome::accept);
}

TEST_F(CancelTest, what_is_held_of_a_client_that_says_no_more_is_done) {
  world.settings.cancel_wait_timeout = std::chrono::seconds(1);
  sim::Client& client = world.client();
  world.query(client, "begin");
  world.query(client, "sleep");
  world.postgres.set_welcome(sim::Host::Welcome::never_answer);
  cancel(client);
  world.postgres.wake_sleepers();
  world.run();
  EXPECT_EQ(client.heard(), "T D(awake) C(SELECT 1) Z(T)");
  world.ask(client, sim::query("insert next") + sim::query("commit"));
  client.finish();
  world.run();
  EXPECT_EQ(client.heard(), "");
  world.advance(world.settings.cancel_wait_timeout);
  EXPECT_EQ(client.heard(), "C(INSERT 0 1) Z(T) C(COMMIT) Z(I) EOF");
  world.postgres.set_welcome(sim::Host::Welcome::accept);
}

TEST_F(CancelTest, nothing_goes_with_the_rest_of_a_message_that_a_cancel_came_into) {
  sim::Client& client = world.client();
  const std::string last = sim::execute("");
  world.ask(client, sim::parse("", "select 'a'") + sim::bind("", "") + last.substr(0, 9));
  world.postgres.set_welcome(sim::Host::Welcome::never_answer);
  cancel(client);
  ASSERT_EQ(world.shell().socket_count(SocketKind::cancel), 1u);
  world.ask(client, last.substr(9) + sim::sync() + sim::query("insert never"));
  EXPECT_EQ(executed("insert never"), 0u);
}

TEST_F(CancelTest, nothing_goes_with_the_end_of_a_copy_that_a_cancel_came_into) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.query(client, "copy in"), "G");
  world.postgres.set_welcome(sim::Host::Welcome::never_answer);
  cancel(client);
  ASSERT_EQ(world.shell().socket_count(SocketKind::cancel), 1u);
  world.ask(client, sim::copy_data("a line") + sim::copy_done() + sim::query("insert never"));
  EXPECT_EQ(executed("insert never"), 0u);
}

TEST_F(CancelTest, takes_no_place_of_a_client_or_a_server) {
  world.settings.max_client_conn = 2;
  world.settings.max_db_connections = 1;
  world.settings.max_user_connections = 1;
  sim::Client& a = world.client();
  sim::Client& b = world.client();
  world.query(a, "sleep");
  world.query(b, "select 'b'");
  cancel(a);
  EXPECT_EQ(a.heard(), "T E(57014) Z(I)");
  EXPECT_EQ(b.heard(), "T D(b) C(SELECT 1) Z(I)");
}

TEST_F(CancelTest, a_thousand_of_one_key_are_one_on_its_way) {
  sim::Client& client = world.client();
  world.query(client, "sleep");
  world.postgres.set_welcome(sim::Host::Welcome::never_answer);
  for (int i = 0; i < 1000; ++i) cancel(client);  // each of them is let go at once
  EXPECT_EQ(world.shell().socket_count(SocketKind::cancel), 1u);
  EXPECT_EQ(world.shell().socket_count(SocketKind::client), 1u);
  world.advance(world.settings.cancel_wait_timeout);
  world.postgres.set_welcome(sim::Host::Welcome::accept);
  cancel(client);
  EXPECT_EQ(client.heard(), "T E(57014) Z(I)");
}

TEST_F(CancelTest, a_thousand_of_keys_that_nobody_has_reach_no_server) {
  sim::Client& client = world.client();
  world.query(client, "sleep");
  for (std::uint32_t i = 1; i <= 1000; ++i) cancel(client.pid() ^ i, client.secret());
  for (std::uint32_t i = 1; i <= 1000; ++i) cancel(i, sim::int32(i * 2654435761u));
  EXPECT_EQ(world.shell().socket_count(SocketKind::cancel), 0u);
  EXPECT_EQ(world.shell().socket_count(SocketKind::client), 1u);
  cancel(client);
  EXPECT_EQ(client.heard(), "T E(57014) Z(I)");
}

TEST_F(CancelTest, one_that_postgresql_does_not_take_is_given_up_after_cancel_wait_timeout) {
  sim::Client& client = world.client();
  world.query(client, "sleep");
  world.postgres.set_welcome(sim::Host::Welcome::never_answer);
  cancel(client);
  world.advance(world.settings.cancel_wait_timeout - std::chrono::milliseconds(1));
  EXPECT_EQ(world.shell().socket_count(SocketKind::cancel), 1u);
  world.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(world.shell().socket_count(SocketKind::cancel), 0u);
  world.postgres.set_welcome(sim::Host::Welcome::accept);
  world.postgres.wake_sleepers();
  world.run();
  EXPECT_EQ(client.heard(), "T D(awake) C(SELECT 1) Z(I)");
}

TEST_F(CancelTest, while_its_server_is_reset_nothing_is_cancelled) {
  world.settings.session_state = SessionStatePolicy::reset;
  sim::Client& client = world.client();
  world.query(client, "begin");
  world.query(client, "listen jobs");
  world.postgres.stall(true);
  world.query(client, "commit");
  world.postgres.stall(false);
  world.run();
  world.postgres.stall(true);  // DISCARD ALL is on its way
  cancel(client);
  EXPECT_EQ(world.shell().socket_count(SocketKind::cancel), 0u);
  world.postgres.stall(false);
  world.run();
  EXPECT_EQ(client.heard(), "C(COMMIT) Z(I)");
  EXPECT_EQ(executed("DISCARD ALL"), 1u);
  EXPECT_EQ(world.query(client, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.postgres.login_count(), 1u) << "the server was kept";
}

// The Parse that pgweir puts in front of it is part of what the client asked: its error is the
// client's.
TEST_F(CancelTest, while_its_statement_is_prepared_anew_the_statement_is_cancelled) {
  sim::Client& client = world.client();
  world.ask(client, sim::parse("s", "sleep") + sim::sync());
  world.postgres.end_all("57P01");
  world.run();
  world.query(client, "begin");  // at a server that has never heard of it
  world.postgres.stall(true);
  world.ask(client, sim::bind("", "s") + sim::execute("") + sim::sync());
  cancel(client);
  EXPECT_EQ(world.shell().socket_count(SocketKind::cancel), 1u);
  world.postgres.stall(false);
  world.run();
  EXPECT_EQ(client.heard(), "2 E(57014) Z(E)");
  EXPECT_EQ(world.query(client, "rollback"), "C(ROLLBACK) Z(I)");
}

}  // namespace
}  // namespace pgweir
