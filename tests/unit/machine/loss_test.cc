// One side goes, at each point of its life.
#include <algorithm>

#include "tests/unit/machine/scripted_server.h"
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

class LossTest : public Story {
 protected:
  void expect_served() {
    sim::Client& next = world.client();
    EXPECT_EQ(world.query(next, "select 'next'"), "T D(next) C(SELECT 1) Z(I)");
    EXPECT_EQ(next.parameter("TimeZone"), "Etc/UTC");
    EXPECT_LE(world.postgres.session_count(), 1u);
  }
};

TEST_F(LossTest, a_client_before_it_said_anything) {
  sim::Client& client = world.connect();
  world.run();
  client.vanish();
  world.run();
  EXPECT_EQ(world.shell().socket_count(SocketKind::client), 0u);
  expect_served();
}

TEST_F(LossTest, a_client_while_it_waits_to_be_let_in) {
  world.postgres.stall(true);
  sim::Client& client = world.client();
  client.vanish();
  world.run();
  EXPECT_EQ(world.shell().socket_count(SocketKind::client), 0u);
  world.postgres.stall(false);
  expect_served();
}

TEST_F(LossTest, an_idle_client) {
  sim::Client& client = world.client();
  client.finish();
  world.run();
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(world.shell().socket_count(SocketKind::client), 0u);
  expect_served();
}

TEST_F(LossTest, a_client_in_a_transaction) {
  sim::Client& client = world.client();
  world.query(client, "begin; set TimeZone = UTC");
  client.vanish();
  world.run();
  expect_served();
  EXPECT_EQ(world.postgres.login_count(), 1u) << "the server could have been rolled back and kept";
}

TEST_F(LossTest, a_client_whose_statement_runs) {
  sim::Client& client = world.client();
  world.query(client, "sleep");
  client.vanish();
  world.advance(std::chrono::seconds(10));
  expect_served();
}

TEST_F(LossTest, a_client_in_copy_in) {
  sim::Client& client = world.client();
  world.ask(client, sim::query("copy in") + sim::copy_data("x"));
  client.vanish();
  world.run();
  expect_served();
}

TEST_F(LossTest, a_client_in_the_middle_of_a_pipeline) {
  sim::Client& client = world.client();
  world.ask(client, execute("insert x") + sim::flush());
  client.vanish();
  world.run();
  expect_served();
}

TEST_F(LossTest, a_client_in_the_middle_of_a_message) {
  sim::Client& client = world.client();
  world.query(client, "begin");
  world.ask(client, sim::query("insert whole").substr(0, 10));
  client.vanish();
  world.run();
  expect_served();
  EXPECT_EQ(executed("insert whole"), 0u);
}

// Its transaction is over, so that the server would be told Terminate, but for the half message.
TEST_F(LossTest, a_client_in_the_middle_of_copy_data_that_came_too_late) {
  sim::Client& client = world.client();
  world.query(client, "copy in fail");
  const std::string half = sim::copy_data("two").substr(0, 6);
  EXPECT_EQ(world.ask(client, sim::copy_data("one") + half), "E(22P04) Z(I)");
  client.vanish();
  world.run();
  const auto& records = world.shell().records();
  const auto server = std::ranges::find_if(
      records, [](const auto& entry) { return entry.first.kind == SocketKind::server; });
  ASSERT_NE(server, records.end());
  EXPECT_TRUE(server->second.sent.ends_with(half)) << "nothing follows half a message";
  expect_served();
}

TEST_F(LossTest, a_client_that_does_not_read_its_big_result) {
  world.shell_options.pipe_capacity = 10'000;
  sim::Client& client = world.client();
  client.read(false);
  world.query(client, "rows 10000 1000");
  client.vanish();
  world.advance(std::chrono::seconds(10));
  expect_served();
}

TEST_F(LossTest, an_idle_server_that_is_told_to_go) {
  sim::Client& client = world.client();
  world.postgres.end_all("57P01");
  world.run();
  EXPECT_FALSE(client.ended());
  EXPECT_EQ(world.shell().note_count(NoteKind::server_said), 1u) << "nobody else can tell of it";
  EXPECT_EQ(world.query(client, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.postgres.login_count(), 2u);
}

TEST_F(LossTest, an_idle_server_that_vanishes_or_closes) {
  sim::Client& client = world.client();
  world.postgres.vanish_all();
  world.run();
  EXPECT_EQ(world.query(client, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
  world.postgres.close_all();
  world.run();
  EXPECT_EQ(world.query(client, "select 'b'"), "T D(b) C(SELECT 1) Z(I)");
}

TEST_F(LossTest, a_server_whose_statement_runs) {
  sim::Client& client = world.client();
  world.query(client, "sleep");
  world.postgres.vanish_all();
  world.run();
  EXPECT_EQ(client.heard(), "E(08006) EOF");
  expect_served();
}

TEST_F(LossTest, a_server_in_a_transaction) {
  sim::Client& client = world.client();
  world.query(client, "begin");
  world.postgres.close_all();
  world.run();
  EXPECT_EQ(client.heard(), "E(08006) EOF");
  expect_served();
}

TEST_F(LossTest, a_servers_own_last_words_are_passed_on_and_nothing_added) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.query(client, "fatal 57P01"), "E(57P01) EOF");
  sim::Client& in_transaction = world.client();
  world.query(in_transaction, "begin");
  world.postgres.end_all("25P03");
  world.run();
  EXPECT_EQ(in_transaction.heard(), "E(25P03) EOF");
  expect_served();
}

TEST_F(LossTest, a_server_in_the_middle_of_a_message_closes_the_client_too) {
  world.shell_options.pipe_capacity = 5'000;
  sim::Client& client = world.client();
  client.read(false);
  world.query(client, "rows 3 100000");
  world.postgres.vanish_all();
  world.run();
  client.read(true);
  world.run();
  EXPECT_TRUE(client.heard().ends_with("HALF EOF"));
  EXPECT_EQ(world.shell().note_count(NoteKind::half_message_lost), 1u);
  expect_served();
  world.advance(world.settings.stats_period);
  EXPECT_TRUE(world.shell().notes().back().text.ends_with("1 half_message_lost, 0 protocol_desync"))
      << world.shell().notes().back().text;
}

TEST_F(LossTest, a_server_that_is_asked_for_a_clients_settings) {
  world.run();
  sim::Client& client = world.client({.more = {{"work_mem", "1MB"}}});
  const auto ask_and_lose = [&] {
    world.postgres.stall(true);
    client.say(sim::query("select 'a'"));
    world.run();
    world.postgres.end_all("57P01");
    world.run();
  };
  ask_and_lose();
  EXPECT_EQ(client.heard(), "");
  world.postgres.stall(false);
  world.run();
  EXPECT_EQ(client.heard(), "T D(a) C(SELECT 1) Z(I)");
}

// It is told that to nobody else unless another server has heard nothing of it either.
TEST_F(LossTest, a_server_that_has_heard_nothing_of_a_client_with_half_a_message) {
  sim::Client& client = world.client();
  const std::string bind =
      sim::parse("", "select 'a'") + sim::bind("", "") + sim::execute("") + sim::sync();
  const std::size_t half = 4;
  client.say(bind.substr(0, 5));
  world.run();
  client.say(sim::parse("", "select 'a'").substr(5, half));
  world.run();
  world.postgres.end_all("57P01");
  world.run();
  EXPECT_EQ(client.heard(), "");
  client.say(bind.substr(5 + half));
  world.run();
  EXPECT_EQ(client.heard(), "1 2 D(a) C(SELECT 1) Z(I)");
}

TEST_F(LossTest, a_server_that_has_heard_nothing_of_a_bind_but_half_of_it) {
  sim::Client& client = world.client();
  world.ask(client, sim::parse("s", "select 'a'") + sim::sync());
  const std::string bind = sim::bind("", "s");
  client.say(bind.substr(0, 6));
  world.run();
  world.postgres.end_all("57P01");
  world.run();
  EXPECT_EQ(client.heard(), "");
  client.say(bind.substr(6) + sim::execute("") + sim::sync());
  world.run();
  EXPECT_EQ(client.heard(), "2 D(a) C(SELECT 1) Z(I)");
}

TEST_F(LossTest, what_a_host_refused_is_not_told_when_it_is_down) {
  world.add_user("ann", "new");
  world.postgres.options().auth = sim::ServerOptions::Auth::md5;
  world.postgres.options().passwords["ann"] = "old";
  world.settings.client_login_timeout = std::chrono::seconds(30);
  sim::Client& refused = world.client();
  EXPECT_NE(refused.error_text().find("password authentication failed"), std::string::npos)
      << refused.error_text();
  world.postgres.set_welcome(sim::Host::Welcome::refuse);
  world.advance(std::chrono::seconds(1));
  sim::Client& waits = world.client();
  world.advance(std::chrono::seconds(29));
  EXPECT_EQ(waits.error_text(), "");
  world.advance(std::chrono::seconds(2));
  EXPECT_NE(waits.error_text().find("refused"), std::string::npos) << waits.error_text();
  EXPECT_EQ(waits.error_text().find("password"), std::string::npos) << waits.error_text();
}

// Who ends the logins of a host that goes down does not say that it takes others.
TEST_F(LossTest, a_host_is_not_back_because_one_of_its_logins_is_ended) {
  struct Host : ScriptedServer {
    Welcome welcome() const override { return refuses ? Welcome::refuse : Welcome::accept; }
    bool refuses = false;
  } host;
  host.greeting.clear();
  world.add_user("bob", "secret");
  world.settings.databases[0].host = "10.0.0.2";
  world.shell().add_host(sim::ipv4(10, 0, 0, 2, 5432), host);
  world.client();
  host.refuses = true;
  world.client({.user = "bob"});
  const auto failed = [&] { return world.shell().note_count(NoteKind::server_login_failed); };
  EXPECT_EQ(failed(), 1u);
  host.say(sim::error_response("FATAL", "57P01", "terminating connection"));
  world.run();
  EXPECT_EQ(failed(), 2u) << "it was asked again before login_retry_first";
}

TEST_F(LossTest, a_server_that_refuses_at_first) {
  world.postgres.set_welcome(sim::Host::Welcome::refuse);
  sim::Client& client = world.client();
  EXPECT_EQ(client.heard(), "");
  world.postgres.set_welcome(sim::Host::Welcome::accept);
  world.advance(std::chrono::seconds(20));
  EXPECT_TRUE(client.logged_in());
}

TEST_F(LossTest, a_server_that_is_starting_up_or_full) {
  world.postgres.options().starting_up = true;
  sim::Client& client = world.client();
  world.postgres.options().starting_up = false;
  world.postgres.options().max_connections = 0;
  world.advance(std::chrono::seconds(1));
  EXPECT_FALSE(client.logged_in());
  world.postgres.options().max_connections = 10;
  world.advance(std::chrono::seconds(20));
  EXPECT_TRUE(client.logged_in());
}

}  // namespace
}  // namespace pgweir
