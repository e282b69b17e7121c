// Clients that replicate: a walsender of one's own.
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

// One server at most.
class ReplicationTest : public Story {
 protected:
  sim::Client& receiver(const std::string& name = "r1", const std::string& how = "database") {
    return world.client({.more = {{"replication", how}, {"application_name", name}}});
  }
  std::string stream(sim::Client& client, const std::string& what) {
    return world.query(client, "START_REPLICATION SLOT r1 " + what);
  }
  static std::string feedback(int number) {
    return sim::copy_data("r1 f " + std::to_string(number) + " ");
  }
  void drain() {
    world.shell().command(event::Command::drain);
    world.run();
  }
  const std::string identified = "T D(r1|1|0/0|db) C(IDENTIFY_SYSTEM) Z(I)";
};

TEST_F(ReplicationTest, it_has_a_server_that_was_asked_to_replicate) {
  sim::Client& logical = receiver();
  EXPECT_TRUE(logical.logged_in()) << logical.error_text();
  EXPECT_EQ(logical.parameter("application_name"), "r1");
  EXPECT_EQ(world.query(logical, "IDENTIFY_SYSTEM"), identified);
  EXPECT_EQ(world.query(logical, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
  world.ask(logical, sim::terminate());
  sim::Client& physical = receiver("r1", "yes");
  EXPECT_EQ(world.query(physical, "IDENTIFY_SYSTEM"), identified);
  EXPECT_EQ(world.query(physical, "select 'a'"), "E(0A000) Z(I)");
  EXPECT_EQ(world.ask(physical, sim::parse("", "select 'a'") + sim::sync()), "E(08P01) Z(I)");
  EXPECT_EQ(world.postgres.login_count(), 2u);
}

TEST_F(ReplicationTest, postgresqls_words_for_no_make_it_a_client_like_others) {
  for (const char* no : {"false", "off", "no", "0", "F"}) {
    sim::Client& client = receiver("r1", no);
    EXPECT_EQ(world.query(client, "select 'a'"), "T D(a) C(SELECT 1) Z(I)") << no;
  }
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(ReplicationTest, what_is_no_such_word_is_refused_as_postgresql_does) {
  sim::Client& client = receiver("r1", "maybe");
  EXPECT_EQ(client.heard(), "E(22023) EOF");
  EXPECT_EQ(client.error_text(), "invalid value for parameter \"replication\": \"maybe\"");
}

TEST_F(ReplicationTest, what_its_startup_packet_asks_for_is_in_its_servers) {
  world.settings.databases[0].timezone = "Europe/Paris";
  world.settings.databases[0].application_name = "line";
  sim::Client& client = world.client({.more = {{"replication", "database"},
                                               {"application_name", "r1"},
                                               {"options", "-c statement_timeout=7s"}}});
  EXPECT_EQ(client.parameter("application_name"), "r1");
  EXPECT_EQ(client.parameter("TimeZone"), "Europe/Paris");
  EXPECT_EQ(world.query(client, "show statement_timeout"), "T D(7s) C(SHOW) Z(I)");
  EXPECT_EQ(executed("show statement_timeout"), 1u);
  EXPECT_EQ(world.postgres.statements().size(), 1u) << "nothing was set by a query";
}

TEST_F(ReplicationTest, settings_that_its_server_refuses_are_told_in_its_login) {
  sim::Client& client = world.client({.more = {{"replication", "database"}, {"nosuch", "1"}}});
  EXPECT_FALSE(client.logged_in());
  EXPECT_TRUE(client.error_text().find("nosuch") != std::string::npos) << client.error_text();
  EXPECT_TRUE(world.client().logged_in()) << "that is its own affair";
}

TEST_F(ReplicationTest, a_stream_goes_both_ways_until_both_have_ended_it) {
  sim::Client& client = receiver("r1", "true");
  EXPECT_EQ(stream(client, "PHYSICAL 0/2"), "W d(17 bytes)*2");
  EXPECT_EQ(world.ask(client, feedback(1)), "d(17 bytes)");
  EXPECT_EQ(world.ask(client, feedback(2) + feedback(3)), "d(17 bytes)*2");
  EXPECT_EQ(world.ask(client, sim::copy_done()), "c C(START_STREAMING) C(START_REPLICATION) Z(I)");
  EXPECT_EQ(world.query(client, "IDENTIFY_SYSTEM"), identified);
}

TEST_F(ReplicationTest, a_server_ends_it_and_tells_the_next_timeline) {
  sim::Client& client = receiver("r1", "true");
  EXPECT_EQ(stream(client, "PHYSICAL 0/1 TIMELINE 1"), "W d(17 bytes) c");
  EXPECT_EQ(world.ask(client, feedback(1)), "") << "the client has not ended it yet";
  EXPECT_EQ(world.ask(client, sim::copy_done()),
            "T D(2|r1) C(START_STREAMING) C(START_REPLICATION) Z(I)");
}

TEST_F(ReplicationTest, an_error_ends_it_and_what_is_still_said_to_it_means_nothing) {
  sim::Client& client = receiver();
  EXPECT_EQ(stream(client, "LOGICAL 0/1 TIMELINE 2"), "W d(17 bytes) E(58P01) Z(I)");
  EXPECT_EQ(world.ask(client, feedback(1) + sim::copy_done()), "");
  EXPECT_EQ(stream(client, "LOGICAL 0/0"), "W");
  EXPECT_EQ(world.ask(client, sim::copy_done()), "c C(COPY 0) Z(I)");
}

TEST_F(ReplicationTest, a_base_backup_is_passed_on) {
  sim::Client& client = receiver("r1", "on");
  EXPECT_EQ(world.query(client, "BASE_BACKUP"),
            "T D(r1 start) C(SELECT) T D(r1 tablespaces) C(SELECT) H d(207 bytes)*3 c "
            "T D(r1 end) C(SELECT) C(BASE_BACKUP) Z(I)");
}

TEST_F(ReplicationTest, its_server_goes_with_it_whatever_it_was_in) {
  world.settings.default_pool_size = 9;
  for (const char* how : {"idle", "PHYSICAL 0/1", "LOGICAL 0/1 TIMELINE 1"}) {
    for (const bool politely : {true, false}) {
      sim::Client& client = receiver();
      if (how != std::string("idle")) stream(client, how);
      if (politely) {
        world.ask(client, sim::terminate());
      } else {
        client.vanish();
        world.run();
      }
      EXPECT_EQ(world.postgres.session_count(), 0u) << how;
    }
  }
}

TEST_F(ReplicationTest, half_a_message_to_its_server_closes_it) {
  sim::Client& client = receiver();
  stream(client, "LOGICAL 0/0");
  world.ask(client, feedback(1).substr(0, 9));
  client.vanish();
  world.run();
  EXPECT_EQ(world.postgres.session_count(), 0u);
}

TEST_F(ReplicationTest, it_takes_a_place_of_its_pool_and_gives_it_back) {
  sim::Client& client = receiver();
  sim::Client& other = world.client();
  EXPECT_FALSE(other.logged_in()) << "the one place is taken";
  world.ask(client, sim::terminate());
  EXPECT_TRUE(other.logged_in());
  EXPECT_EQ(world.postgres.session_count_max(), 1u);
}

TEST_F(ReplicationTest, an_idle_server_of_the_full_pool_makes_room_and_only_one) {
  world.settings.default_pool_size = 2;
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  world.query(ann, "begin");
  world.query(bob, "begin");
  world.query(ann, "commit");
  world.query(bob, "commit");
  EXPECT_EQ(world.postgres.session_count(), 2u);
  EXPECT_TRUE(receiver().logged_in());
  EXPECT_EQ(world.postgres.session_count(), 2u);
  EXPECT_EQ(world.postgres.login_count(), 3u) << "the other one stays";
  EXPECT_EQ(world.query(ann, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
}

TEST_F(ReplicationTest, who_has_waited_longer_is_served_first) {
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  sim::Client& cid = world.client();
  world.query(ann, "begin");
  world.query(bob, "select 'b'");
  world.advance(seconds(1));
  sim::Client& client = receiver();
  world.advance(seconds(1));
  world.query(cid, "select 'c'");
  world.query(ann, "commit");
  EXPECT_EQ(bob.heard(), "T D(b) C(SELECT 1) Z(I)") << "before the one that replicates";
  EXPECT_TRUE(client.logged_in()) << "before cid";
  EXPECT_EQ(cid.heard(), "");
  world.ask(client, sim::terminate());
  EXPECT_EQ(cid.heard(), "T D(c) C(SELECT 1) Z(I)");
}

TEST_F(ReplicationTest, under_a_shared_limit_another_pool_makes_room) {
  world.settings.max_db_connections = 1;
  sim::Client& bob = world.client({.user = "bob"});
  world.query(bob, "select 'b'");
  EXPECT_TRUE(receiver().logged_in());
  EXPECT_EQ(world.postgres.session_count_max(), 1u);
}

TEST_F(ReplicationTest, no_clock_ends_a_stream_nor_what_a_physical_one_asks_for) {
  world.settings.default_pool_size = 2;
  world.settings.query_timeout = seconds(5);
  world.settings.transaction_timeout = seconds(60);
  world.settings.idle_transaction_timeout = seconds(5);
  world.settings.client_idle_timeout = hours(1);
  world.settings.server_lifetime = seconds(5);
  sim::Client& client = receiver();
  stream(client, "LOGICAL 0/0");
  world.advance(hours(2));
  EXPECT_EQ(client.heard(), "");
  EXPECT_EQ(world.ask(client, sim::copy_done()), "c C(COPY 0) Z(I)");
  EXPECT_EQ(world.query(client, "sleep"), "");
  world.advance(seconds(6));
  EXPECT_EQ(client.heard(), "E(57014) EOF") << "SQL has its clocks";
  sim::Client& idle = receiver("r1", "true");
  world.advance(hours(1) + seconds(1));
  EXPECT_EQ(idle.heard(), "E(57P05) EOF") << "between two of its commands it is idle";
}

TEST_F(ReplicationTest, a_stream_ends_when_pgweir_or_its_database_does) {
  world.settings.default_pool_size = 2;
  sim::Client& client = receiver();
  stream(client, "LOGICAL 0/0");
  Settings next = world.settings;
  next.databases[0].dbname = "moved";
  world.shell().set_settings(next);
  world.shell().command(event::Command::reload);
  world.run();
  EXPECT_EQ(client.heard(), "E(57P01) EOF");
  sim::Client& another = receiver();
  stream(another, "LOGICAL 0/0");
  drain();
  EXPECT_EQ(another.heard(), "E(57P01) EOF");
  EXPECT_EQ(world.shell().exit_status(), 0);
}

TEST_F(ReplicationTest, who_still_waits_for_its_server_is_told_when_pgweir_ends) {
  sim::Client& ann = world.client();
  world.query(ann, "begin");
  sim::Client& client = receiver();
  drain();
  EXPECT_EQ(client.heard(), "E(57P03) EOF");
  world.query(ann, "commit");
  EXPECT_EQ(world.shell().exit_status(), 0);
}

TEST_F(ReplicationTest, a_cancel_ends_a_stream) {
  sim::Client& client = receiver();
  stream(client, "LOGICAL 0/0");
  sim::Client& canceller = world.connect();
  EXPECT_EQ(world.ask(canceller, sim::cancel_request(client.pid(), client.secret())), "EOF");
  EXPECT_EQ(client.heard(), "E(57014) Z(I)");
  EXPECT_EQ(world.query(client, "IDENTIFY_SYSTEM"), identified);
}

TEST_F(ReplicationTest, its_servers_end_is_its_own) {
  sim::Client& client = receiver();
  stream(client, "LOGICAL 0/0");
  world.postgres.vanish_all();
  world.run();
  EXPECT_EQ(client.heard(), "E(08006) EOF");
  sim::Client& other = receiver();
  world.postgres.end_all("57P01");
  world.run();
  EXPECT_EQ(other.heard(), "E(57P01) EOF");
}

TEST_F(ReplicationTest, it_waits_for_a_host_that_is_not_there_yet) {
  world.postgres.set_welcome(sim::Host::Welcome::refuse);
  sim::Client& client = receiver();
  world.advance(seconds(1));
  EXPECT_FALSE(client.ended());
  world.postgres.set_welcome(sim::Host::Welcome::accept);
  world.advance(seconds(20));
  EXPECT_TRUE(client.logged_in());
}

TEST_F(ReplicationTest, what_postgresql_answers_to_its_login_is_told_and_counts_for_nobody_else) {
  world.settings.default_pool_size = 2;
  sim::Client& ann = world.client();
  world.query(ann, "begin");
  world.postgres.options().max_connections = 1;
  sim::Client& client = receiver();
  EXPECT_EQ(client.heard(), "E(53300) EOF");
  world.postgres.options().max_connections = 10;
  sim::Client& bob = world.client();
  EXPECT_EQ(world.query(bob, "select 'b'"), "T D(b) C(SELECT 1) Z(I)") << "no pause";
}

TEST_F(ReplicationTest, a_server_that_refuses_a_newer_protocol_is_asked_for_the_old_one) {
  for (const auto newer :
       {sim::ServerOptions::Newer::refuses, sim::ServerOptions::Newer::hangs_up}) {
    world.postgres.options().newer = newer;
    sim::Client& client = receiver();
    EXPECT_TRUE(client.logged_in()) << client.error_text();
    world.ask(client, sim::terminate());
  }
}

TEST_F(ReplicationTest, who_leaves_while_its_server_logs_in_takes_that_along) {
  world.settings.default_pool_size = 2;
  world.client();
  world.postgres.stall(true);
  sim::Client& client = receiver();
  EXPECT_EQ(world.shell().socket_count(SocketKind::server), 2u);
  client.vanish();
  world.run();
  EXPECT_EQ(world.shell().socket_count(SocketKind::server), 2u) << "PostgreSQL has not let it go";
  world.postgres.stall(false);
  world.run();
  EXPECT_EQ(world.shell().socket_count(SocketKind::server), 1u);
}

TEST_F(ReplicationTest, a_client_that_does_not_read_stops_its_server) {
  world.shell_options.pipe_capacity = 2000;
  sim::Client& client = receiver();
  client.read(false);
  for (int i = 1; i <= 200; ++i)
    world.ask(client, i == 1 ? sim::query("START_REPLICATION SLOT r1 LOGICAL 0/1000") : "");
  client.read(true);
  world.run();
  EXPECT_TRUE(client.heard().starts_with("W d(17 bytes)"));
  EXPECT_EQ(world.ask(client, sim::copy_done()), "c C(COPY 0) Z(I)");
}

TEST_F(ReplicationTest, copy_both_that_nobody_asked_for_is_a_desync) {
  sim::Client& client = receiver();
  EXPECT_EQ(stream(client, "LOGICAL 0/0"), "W");
  EXPECT_EQ(world.ask(client, sim::copy_done() + sim::query("IDENTIFY_SYSTEM")),
            "c C(COPY 0) Z(I) " + identified)
      << "what follows the end was sent with it";
}

}  // namespace
}  // namespace pgweir
