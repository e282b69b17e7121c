// Which minor protocol is spoken with servers, and what they are cancelled by (PostgreSQL:
// "Protocol Versions"; "BackendKeyData"): servers of all ages, and what stands where PostgreSQL
// should.
#include "tests/unit/machine/scripted_server.h"
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

using sim::ServerOptions;

class ServerProtocolTest : public Story {
 protected:
  void cancel(const sim::Client& client) {
    sim::Client& canceller = world.connect();
    EXPECT_EQ(world.ask(canceller, sim::cancel_request(client.pid(), client.secret())), "EOF");
  }
  std::size_t noted(NoteKind kind) { return world.shell().note_count(kind); }
};

TEST_F(ServerProtocolTest, a_new_server_and_an_old_one_are_cancelled_by_what_they_gave) {
  for (const auto& [version, size] : {std::pair{"18.1", 32u}, {"15.20", 4u}}) {
    sim::World other;
    other.postgres.options().server_version = version;
    sim::Client& client = other.client();
    EXPECT_EQ(other.query(client, "sleep"), "");
    EXPECT_EQ(other.postgres.sessions().front()->secret().size(), size) << version;
    sim::Client& canceller = other.connect();
    other.ask(canceller, sim::cancel_request(client.pid(), client.secret()));
    EXPECT_EQ(client.heard(), "T E(57014) Z(I)") << version;
    EXPECT_EQ(other.finish(), "");
  }
}

TEST_F(ServerProtocolTest,
       one_that_refuses_a_newer_protocol_is_asked_for_the_old_one_from_then_on) {
  world.postgres.options().newer = ServerOptions::Newer::refuses;
  world.settings.default_pool_size = 2;
  sim::Client& a = world.client();
  ASSERT_TRUE(a.logged_in()) << "at once: nothing has failed";
  sim::Client& b = world.client();
  world.query(a, "begin");
  world.query(b, "begin");
  EXPECT_EQ(world.postgres.login_count(), 2u);
  EXPECT_EQ(noted(NoteKind::server_refused_protocol), 1u);
  EXPECT_EQ(noted(NoteKind::server_login_failed), 0u);
}

TEST_F(ServerProtocolTest, one_that_hangs_up_is_asked_for_the_old_protocol_the_next_time) {
  world.postgres.options().newer = ServerOptions::Newer::hangs_up;
  sim::Client& client = world.client();
  EXPECT_FALSE(client.logged_in());
  world.advance(std::chrono::seconds(1));
  EXPECT_TRUE(client.logged_in());
  EXPECT_EQ(noted(NoteKind::server_login_failed), 1u);
}

// Else a server that was restarted would be asked for the old one for ever.
TEST_F(ServerProtocolTest,
       one_that_hangs_up_on_the_old_protocol_too_is_asked_for_the_new_one_again) {
  ScriptedServer server;
  world.settings.databases[0].host = "10.0.0.9";
  server.greeting = "";
  world.shell().add_host(sim::ipv4(10, 0, 0, 9, 5432), server);
  world.client();
  std::string asked;
  for (int i = 0; i < 4; ++i) {
    asked += std::to_string(server.first_packet().at(3));
    server.finish();
    world.advance(std::chrono::seconds(1));
  }
  EXPECT_EQ(asked, "2020");
  server.finish();
}

TEST_F(ServerProtocolTest, a_wrong_password_says_nothing_about_the_protocol) {
  world.postgres.options().auth = ServerOptions::Auth::md5;
  world.client();
  EXPECT_EQ(noted(NoteKind::server_refused_protocol), 0u);
  world.postgres.options().auth = ServerOptions::Auth::trust;
  world.postgres.options().starting_up = true;
  world.client({.user = "bob"});
  EXPECT_EQ(noted(NoteKind::server_refused_protocol), 0u);
}

TEST_F(ServerProtocolTest, one_that_gives_no_secret_serves_and_its_clients_cannot_cancel) {
  world.postgres.options().gives_secret = false;
  world.settings.default_pool_size = 2;
  sim::Client& a = world.client();
  sim::Client& b = world.client();
  EXPECT_EQ(world.query(a, "sleep"), "");
  EXPECT_EQ(world.query(b, "select 'b'"), "T D(b) C(SELECT 1) Z(I)");
  cancel(a);
  EXPECT_EQ(a.heard(), "");
  EXPECT_EQ(world.shell().socket_count(SocketKind::cancel), 0u);
  world.postgres.wake_sleepers();
  world.run();
  EXPECT_EQ(a.heard(), "T D(awake) C(SELECT 1) Z(I)");
  EXPECT_EQ(noted(NoteKind::server_without_secret), 1u) << "of a pool it is said once";
}

class NegotiationTest : public ServerProtocolTest {
 protected:
  NegotiationTest() { world.settings.databases[0].host = "10.0.0.9"; }

  // Whether a server that greets like this is taken.
  bool takes(const std::string& negotiation, const std::string& secret = "1234") {
    server.greeting = negotiation + sim::message('R', sim::int32(0)) +
                      sim::message('K', sim::int32(7) + secret) + sim::message('Z', "I");
    if (!added_) world.shell().add_host(sim::ipv4(10, 0, 0, 9, 5432), server);
    added_ = true;
    return world.client().logged_in();
  }
  static std::string negotiation(std::int64_t version, const std::string& rest = sim::int32(0)) {
    return sim::message('v', sim::int32(version) + rest);
  }

  ScriptedServer server;

 private:
  bool added_ = false;
};

TEST_F(NegotiationTest, to_an_older_minor_is_taken) {
  EXPECT_TRUE(takes(negotiation(0x30000)));
  EXPECT_EQ(server.first_packet().substr(0, 4), sim::int32(0x30002));
}

TEST_F(NegotiationTest, said_twice_is_taken) {
  EXPECT_TRUE(takes(negotiation(0x30000) + negotiation(0x30000)));
}

TEST_F(NegotiationTest, to_a_newer_minor_is_not) { EXPECT_FALSE(takes(negotiation(0x30003))); }
TEST_F(NegotiationTest, to_another_major_is_not) { EXPECT_FALSE(takes(negotiation(0x20000))); }
TEST_F(NegotiationTest, that_is_cut_is_not) { EXPECT_FALSE(takes(negotiation(0x30000, ""))); }
TEST_F(NegotiationTest, about_options_that_nobody_asked_for_is_not) {
  EXPECT_FALSE(takes(negotiation(0x30000, sim::int32(1) + sim::cstring("_pq_.more"))));
}
TEST_F(NegotiationTest, behind_the_login_is_not) {
  EXPECT_FALSE(takes(sim::message('R', sim::int32(0)) + negotiation(0x30000)));
}

TEST_F(NegotiationTest, a_secret_of_3_bytes_is_none) { EXPECT_FALSE(takes("", "123")); }
TEST_F(NegotiationTest, a_secret_of_257_bytes_is_none) {
  EXPECT_FALSE(takes("", std::string(257, 's')));
}
TEST_F(NegotiationTest, a_secret_of_256_bytes_is_brought_back_whole) {
  const std::string secret(256, 's');
  EXPECT_TRUE(takes("", secret));
  sim::Client& client = world.client();
  EXPECT_EQ(world.query(client, "select 1"), "");
  cancel(client);
  EXPECT_EQ(server.first_packet(), sim::cancel_request(7, secret).substr(4));
  world.run();
  client.heard();
}

}  // namespace
}  // namespace pgweir
