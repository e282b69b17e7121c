// Each clock, with what it says.
#include "core/base/limits.h"
#include "tests/unit/machine/scripted_server.h"
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class TimeoutTest : public Story {
 protected:
  bool failing = false;  // the server's next answer is an error
  // Nothing is heard just before the limit; after it exactly this, by this setting's name.
  void expect_at(Duration limit, sim::Client& client, const std::string& heard,
                 const std::string& setting) {
    world.advance(limit - milliseconds(1));
    EXPECT_EQ(client.heard(), "") << setting << " fired early";
    world.advance(milliseconds(2));
    EXPECT_EQ(client.heard(), heard) << setting;
    EXPECT_NE(client.error_text().find(setting), std::string::npos) << client.error_text();
  }
};

TEST_F(TimeoutTest, client_login_timeout) {
  sim::Client& client = world.connect();
  world.run();
  expect_at(seconds(60), client, "E(57014) EOF", "client_login_timeout");
}

TEST_F(TimeoutTest, client_login_timeout_while_the_server_is_down) {
  world.postgres.set_welcome(sim::Host::Welcome::refuse);
  sim::Client& client = world.client();
  world.advance(seconds(61));
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(client.heard().ends_with(" EOF"));
}

TEST_F(TimeoutTest, query_wait_timeout) {
  sim::Client& a = world.client();
  sim::Client& b = world.client();
  world.query(a, "begin");
  world.query(b, "select 'b'");
  expect_at(seconds(120), b, "E(53300) EOF", "query_wait_timeout");
  EXPECT_EQ(world.query(a, "commit"), "C(COMMIT) Z(I)");
}

TEST_F(TimeoutTest, query_wait_timeout_tells_who_has_the_servers) {
  sim::Client& a = world.client({.more = {{"application_name", "billing \x1b"}}});
  sim::Client& b = world.client();
  world.query(a, "begin");
  world.query(b, "select 'b'");
  expect_at(seconds(120), b, "E(53300) EOF",
            "query_wait_timeout: no server for 120 s: pool db/ann has 1 servers ");
  // Of several machines the text says "at this machine" in between.
  const std::string holder =
      " of pool_size 1, 1 in use, 1 of them idle in a transaction and 0 kept by what clients left "
      "in their sessions, and 1 clients wait; longest, for 120 s, one is used by 10.9.0.1:40000 "
      "(billing ?)";
  EXPECT_TRUE(b.error_text().ends_with(holder)) << b.error_text();
}

TEST_F(TimeoutTest, query_timeout) {
  world.settings.query_timeout = seconds(3);
  sim::Client& client = world.client();
  world.query(client, "sleep");
  expect_at(seconds(3), client, "E(57014) EOF", "query_timeout");
}

// Its server is kept, and what its startup packet asked for is put on when it says more.
TEST_F(TimeoutTest, query_timeout_begins_with_half_of_what_a_kept_server_is_asked) {
  world.settings.query_timeout = seconds(3);
  sim::Client& client = world.client({.more = {{"work_mem", "1MB"}}});
  world.query(client, "listen jobs");
  EXPECT_EQ(world.query(client, "reset work_mem"), "C(RESET) Z(I)");
  world.advance(seconds(10));
  const std::string query = sim::query("select 'a'");
  EXPECT_EQ(world.ask(client, query.substr(0, 8)), "");
  EXPECT_EQ(world.ask(client, query.substr(8)), "T D(a) C(SELECT 1) Z(I)");
}

TEST_F(TimeoutTest, query_timeout_begins_when_there_is_a_server) {
  world.settings.default_pool_size = 1;
  world.settings.query_wait_timeout = seconds(0);
  world.settings.query_timeout = seconds(3);
  world.settings.transaction_timeout = seconds(20);
  sim::Client& holder = world.client();
  sim::Client& client = world.client({.more = {{"application_name", "mine"}}});
  // Five bytes tell that something is asked, but not what of.
  const std::string asked = sim::execute("") + sim::sync();
  world.ask(holder, asked.substr(0, 5));
  world.ask(client, asked.substr(0, 5));
  expect_at(seconds(20), holder, "E(25P04) EOF", "transaction_timeout");
  EXPECT_EQ(world.ask(client, asked.substr(5)), "E(34000) Z(I)");
}

TEST_F(TimeoutTest, query_timeout_leaves_an_idle_transaction_alone) {
  world.settings.query_timeout = seconds(3);
  sim::Client& client = world.client();
  world.query(client, "begin");
  world.advance(hours(1));
  EXPECT_EQ(world.query(client, "commit"), "C(COMMIT) Z(I)");
}

TEST_F(TimeoutTest, client_idle_timeout) {
  world.settings.client_idle_timeout = seconds(30);
  sim::Client& client = world.client();
  world.advance(seconds(20));
  EXPECT_EQ(world.query(client, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
  expect_at(seconds(30), client, "E(57P05) EOF", "client_idle_timeout");
}

TEST_F(TimeoutTest, a_client_that_asks_what_needs_no_server_is_not_idle) {
  world.settings.client_idle_timeout = seconds(30);
  sim::Client& client = world.client();
  world.advance(seconds(20));
  EXPECT_EQ(world.ask(client, sim::close('S', "nobody").substr(0, 3)), "");
  EXPECT_EQ(world.ask(client, sim::close('S', "nobody").substr(3) + sim::sync()), "3 Z(I)");
  world.advance(seconds(20));
  EXPECT_EQ(world.ask(client, sim::sync()), "Z(I)");
  expect_at(seconds(30), client, "E(57P05) EOF", "client_idle_timeout");
}

TEST_F(TimeoutTest, transaction_timeout_is_of_one_transaction_though_the_next_is_right_behind) {
  world.settings.transaction_timeout = seconds(5);
  sim::Client& client = world.client();
  world.ask(client, sim::query("sleep") + sim::query("sleep"));
  world.advance(seconds(4));
  world.postgres.wake_sleepers();
  world.run();
  EXPECT_EQ(client.heard(), "T D(awake) C(SELECT 1) Z(I)");
  expect_at(seconds(5), client, "E(25P04) EOF", "transaction_timeout");
}

TEST_F(TimeoutTest, no_transaction_is_timed_while_only_half_a_notice_keeps_the_server) {
  world.settings.transaction_timeout = seconds(5);
  world.settings.idle_transaction_timeout = seconds(5);
  ScriptedServer server;
  world.settings.databases[0].host = "10.0.0.2";
  world.shell().add_host(sim::ipv4(10, 0, 0, 2, 5432), server);
  sim::Client& client = world.client();
  world.query(client, "select");
  server.say(sim::message('C', sim::cstring("SELECT 0")) + sim::message('Z', "I") + "N");
  world.run();
  EXPECT_EQ(client.heard(), "C(SELECT 0) Z(I)");
  world.advance(seconds(20));
  EXPECT_EQ(client.heard(), "");
}

TEST_F(TimeoutTest, idle_transaction_timeout) {
  world.settings.idle_transaction_timeout = seconds(5);
  sim::Client& client = world.client();
  world.query(client, "begin");
  world.advance(seconds(4));
  EXPECT_EQ(world.query(client, "select 'a'"), "T D(a) C(SELECT 1) Z(T)");
  expect_at(seconds(5), client, "E(25P03) EOF", "idle_transaction_timeout");
  sim::Client& next = world.client();
  EXPECT_EQ(world.query(next, "select 'b'"), "T D(b) C(SELECT 1) Z(I)");
}

TEST_F(TimeoutTest, a_transaction_is_idle_from_the_last_byte_on_that_it_was_answered) {
  world.settings.idle_transaction_timeout = seconds(5);
  ScriptedServer server;
  world.settings.databases[0].host = "10.0.0.2";
  world.shell().add_host(sim::ipv4(10, 0, 0, 2, 5432), server);
  sim::Client& client = world.client();
  world.query(client, "begin");
  server.say(sim::message('C', sim::cstring("BEGIN")) + sim::message('Z', "T"));
  world.advance(seconds(4));
  client.say(sim::parse("", "insert") + sim::bind("", "") + sim::execute("") + sim::flush());
  world.run();
  EXPECT_EQ(client.heard(), "C(BEGIN) Z(T)");
  server.say(sim::message('1', "") + sim::message('2', "") +
             sim::message('C', sim::cstring("INSERT 0 1")).substr(0, 8));
  world.advance(seconds(4));
  EXPECT_EQ(client.heard(), "1 2");
  EXPECT_FALSE(client.ended()) << "it was answered four seconds ago";
  world.advance(seconds(2));
  EXPECT_TRUE(client.ended());
}

TEST_F(TimeoutTest, a_transaction_is_idle_from_an_answer_on_that_is_made_up) {
  world.settings.idle_transaction_timeout = seconds(5);
  sim::Client& client = world.client();
  world.query(client, "begin");
  world.advance(seconds(4));
  EXPECT_EQ(world.ask(client, sim::close('S', "nobody") + sim::flush()), "3");
  world.advance(seconds(4));
  EXPECT_FALSE(client.ended()) << "it was answered four seconds ago";
  world.advance(seconds(2));
  EXPECT_TRUE(client.ended());
}

TEST_F(TimeoutTest, transaction_timeout) {
  world.settings.transaction_timeout = seconds(10);
  sim::Client& client = world.client();
  world.query(client, "begin");
  world.advance(seconds(6));
  world.query(client, "select 'a'");
  expect_at(seconds(4), client, "E(25P04) EOF", "transaction_timeout");
}

// Half of a message that came too late for its COPY keeps the server; what follows it is a new
// transaction all the same.
TEST_F(TimeoutTest, transaction_timeout_begins_anew_behind_the_rest_of_a_late_message) {
  world.settings.transaction_timeout = seconds(5);
  sim::Client& client = world.client();
  const std::string data = sim::copy_data("a line");
  client.say(sim::query("copy in fail") + data + data.substr(0, 6));
  world.run();
  EXPECT_EQ(client.heard(), "G E(22P04) Z(I)");
  world.advance(seconds(4));
  client.say(data.substr(6) + sim::query("sleep"));
  world.run();
  world.advance(seconds(4));
  EXPECT_EQ(client.heard(), "") << "it is of the transaction that began four seconds ago";
  expect_at(seconds(1), client, "E(25P04) EOF", "transaction_timeout");
}

TEST_F(TimeoutTest, server_connect_timeout) {
  world.postgres.set_welcome(sim::Host::Welcome::never_answer);
  world.client();
  EXPECT_EQ(world.shell().socket_count(SocketKind::server), 1u);
  world.advance(seconds(14));
  EXPECT_EQ(world.shell().note_count(NoteKind::server_login_failed), 0u);
  world.advance(seconds(2));
  EXPECT_EQ(world.shell().note_count(NoteKind::server_login_failed), 1u);
}

TEST_F(TimeoutTest, server_idle_timeout) {
  world.client();
  world.advance(seconds(599));
  EXPECT_EQ(world.postgres.session_count(), 1u);
  world.advance(seconds(2));
  EXPECT_EQ(world.postgres.session_count(), 0u);
}

TEST_F(TimeoutTest, server_lifetime) {
  world.settings.server_idle_timeout = seconds(0);
  world.settings.server_lifetime = seconds(1000);
  sim::Client& client = world.client();
  world.query(client, "begin");
  world.advance(seconds(2000));
  EXPECT_EQ(world.postgres.session_count(), 1u) << "a server in use was closed for its age";
  EXPECT_EQ(world.query(client, "commit"), "C(COMMIT) Z(I)");
  EXPECT_EQ(world.postgres.session_count(), 0u);
}

TEST_F(TimeoutTest, server_login_retry_bounds_the_pause) {
  world.settings.server_login_retry = seconds(1);
  world.settings.client_login_timeout = hours(1);
  world.postgres.set_welcome(sim::Host::Welcome::refuse);
  sim::Client& client = world.client();
  world.advance(seconds(60));
  world.postgres.set_welcome(sim::Host::Welcome::accept);
  world.advance(seconds(2));
  EXPECT_TRUE(client.logged_in());
}

TEST_F(TimeoutTest, a_half_closed_client_is_not_waited_for_for_ever) {
  sim::Client& client = world.client();
  world.query(client, "sleep");
  client.finish();
  world.advance(limits::half_closed_wait - milliseconds(1));
  EXPECT_FALSE(client.ended());
  world.advance(seconds(1));
  EXPECT_TRUE(client.ended());
}

TEST_F(TimeoutTest, a_closing_socket_lingers_a_second_at_most) {
  world.settings.client_idle_timeout = seconds(30);
  world.shell_options.pipe_capacity = 10;
  sim::Client& client = world.client();
  client.read(false);
  world.advance(seconds(30) + milliseconds(500));
  EXPECT_EQ(world.shell().socket_count(SocketKind::client), 1u);
  world.advance(seconds(1));
  EXPECT_EQ(world.shell().socket_count(SocketKind::client), 0u);
}

TEST_F(TimeoutTest, a_server_that_takes_no_more_behind_its_last_answer_is_given_up) {
  world.shell_options.pipe_capacity = 64;
  world.postgres.options().on_event = [this](const sim::ServerEvent& event) {
    if (event.kind == sim::ServerEvent::Kind::became_idle && failing) world.postgres.stall(true);
  };
  sim::Client& client = world.client();
  EXPECT_EQ(world.query(client, "copy in fail"), "G");
  failing = true;
  const std::string late = sim::copy_data(std::string(1000, 'x')) + sim::copy_done();
  EXPECT_EQ(world.ask(client, sim::copy_data("x") + late), "E(22P04) Z(I)");
  world.ask(client, sim::query("select 'a'"));
  expect_at(limits::recovery_wait, client, "E(08006) EOF", "timed out");
  world.postgres.stall(false);
}

TEST_F(TimeoutTest, when_all_have_left_and_every_clock_ran_out_nothing_is_left) {
  sim::Client& client = world.client();
  EXPECT_NE(world.machines().left_over().find("1 clients, 1 servers, 1 cancel keys"),
            std::string::npos)
      << world.machines().left_over();
  world.ask(client, sim::query("select 'a'") + sim::terminate());
  world.advance(hours(2));
  EXPECT_EQ(world.machines().left_over(), "");
}

}  // namespace
}  // namespace pgweir
