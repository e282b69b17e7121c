// A server that breaks the protocol, or says the right things at the worst time: it is never given
// to anybody else, and the process survives.
#include "core/base/limits.h"
#include "sim/assertions.h"
#include "tests/unit/machine/scripted_server.h"
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

class HostileServerTest : public Story {
 protected:
  HostileServerTest() { world.settings.databases[0].host = "10.0.0.9"; }

  sim::Client& client(const sim::LogIn& how = {}) {
    if (!added_) world.shell().add_host(sim::ipv4(10, 0, 0, 9, 5432), server);
    added_ = true;
    return world.client(how);
  }
  std::string says(sim::Client& client, std::string_view bytes) {
    server.say(bytes);
    world.run();
    return client.heard();
  }
  static std::string complete() { return sim::message('C', sim::cstring("SELECT 1")); }
  static std::string ready(std::string_view status = "I") { return sim::message('Z', status); }
  static std::string error() { return sim::error_response("ERROR", "22P04", "bad"); }

  ScriptedServer server;

 private:
  bool added_ = false;
};

TEST_F(HostileServerTest, half_of_an_idle_servers_last_words_takes_it_out_of_its_pool) {
  sim::Client& ann = client();
  const std::string last = sim::error_response("FATAL", "57P01", std::string(300, 'w'));
  EXPECT_EQ(says(ann, last.substr(0, 200)), "");
  EXPECT_EQ(world.ask(ann, sim::query("select 1")), "") << "it waits for a new server";
  world.run();
  EXPECT_EQ(server.connection_count(), 2);
  EXPECT_EQ(says(ann, complete() + ready()), "C(SELECT 1) Z(I)");
}

TEST_F(HostileServerTest, half_a_notice_of_an_idle_server_makes_everybody_wait_for_the_rest) {
  sim::Client& ann = client();
  const std::string notice = sim::notice_response(std::string(300, 'w'));
  says(ann, notice.substr(0, 200));
  server.heard();
  EXPECT_EQ(world.ask(ann, sim::query("select 1")), "");
  EXPECT_EQ(server.heard(), "");
  EXPECT_EQ(says(ann, notice.substr(200)), "");
  EXPECT_EQ(server.heard(), "Q");
  EXPECT_EQ(says(ann, complete() + ready()), "C(SELECT 1) Z(I)");
}

// PostgreSQL is shut down, and its server says so right behind an answer.
TEST_F(HostileServerTest, last_words_behind_the_last_answer_are_not_the_clients) {
  const std::string last = sim::error_response("FATAL", "57P01", "terminating connection");
  sim::Client& ann = client();
  world.ask(ann, sim::query("select 1"));
  EXPECT_EQ(says(ann, complete() + ready() + last), "C(SELECT 1) Z(I)");
  EXPECT_EQ(world.ask(ann, sim::query("select 1")), "");
  world.run();
  EXPECT_EQ(server.connection_count(), 2) << "it is served by another";
  EXPECT_EQ(says(ann, complete() + sim::message('Z', "T") + last), "C(SELECT 1) Z(T) E(57P01) EOF");
}

TEST_F(HostileServerTest, what_begins_behind_the_last_answer_does_not_keep_its_client) {
  world.settings.default_pool_size = 4;
  const std::string last = sim::error_response("FATAL", "57P01", std::string(300, 'w'));
  for (const std::size_t begun : {1, 20, 290}) {
    sim::Client& ann = client();
    world.ask(ann, sim::query("select 1"));
    const int before = server.connection_count();
    EXPECT_EQ(says(ann, complete() + ready() + last.substr(0, begun)), "C(SELECT 1) Z(I)");
    EXPECT_EQ(world.ask(ann, sim::query("select 1")), "");
    world.run();
    EXPECT_EQ(server.connection_count(), before + 1) << "it is served by another";
    EXPECT_EQ(says(ann, complete() + ready()), "C(SELECT 1) Z(I)");
  }
  world.advance(std::chrono::minutes(1));
  EXPECT_EQ(world.shell().socket_count(SocketKind::server), 1u) << "what does not end is ended";
}

// What its client asks for may be what ends it: only one more is tried.
TEST_F(HostileServerTest, servers_that_end_when_they_are_given_a_clients_settings) {
  sim::Client& ann = client({.more = {{"work_mem", "1MB"}}});
  const std::string last = sim::error_response("FATAL", "57P02", "crash");
  EXPECT_EQ(world.ask(ann, sim::query("select 1")), "");
  server.heard();
  EXPECT_EQ(says(ann, last), "");
  EXPECT_EQ(server.connection_count(), 2);
  EXPECT_EQ(server.heard(), "^PBES");
  EXPECT_EQ(says(ann, last), "E(57P02) EOF");
}

TEST_F(HostileServerTest, a_second_ready_for_query_answers_nobodys_next_request) {
  const sim::ChecksMayFail checks;
  sim::Client& ann = client();
  world.ask(ann, sim::query("select 1"));
  EXPECT_EQ(says(ann, complete() + ready()), "C(SELECT 1) Z(I)");
  world.ask(ann, sim::query("select 2"));
  EXPECT_EQ(says(ann, ready()), "E(08P01) EOF");
  EXPECT_EQ(checks.count(), 1u);
  EXPECT_EQ(world.shell().note_count(NoteKind::protocol_desync), 1u);
}

TEST_F(HostileServerTest, half_of_a_reply_nobody_asked_for_is_no_half_message_of_the_clients) {
  const sim::ChecksMayFail checks;
  sim::Client& ann = client();
  world.ask(ann, sim::query("select 1"));
  EXPECT_EQ(says(ann, complete() + ready()), "C(SELECT 1) Z(I)");
  world.ask(ann, sim::query("select 2"));
  EXPECT_EQ(says(ann, sim::message('?', "abc").substr(0, 6)), "E(08P01) EOF");
  EXPECT_EQ(checks.count(), 1u);
}

TEST_F(HostileServerTest, whatever_an_idle_server_should_not_say_closes_it) {
  const sim::ChecksMayFail checks;
  sim::Client& ann = client();
  for (const char type : std::string_view("ZTDC123KRGHWdcnstVvI?")) {
    const int before = server.connection_count();
    EXPECT_EQ(says(ann, sim::message(type, "I")), "") << type;
    world.ask(ann, sim::query("select 1"));
    EXPECT_EQ(server.connection_count(), before + 1) << type << ": the server was kept";
    EXPECT_EQ(says(ann, complete() + ready()), "C(SELECT 1) Z(I)") << type;
  }
  EXPECT_GT(checks.count(), 0u);
}

TEST_F(HostileServerTest, impossible_lengths_end_both_ends) {
  for (const std::int64_t length : {0, 3, 0x7fffffff, -1}) {
    const sim::ChecksMayFail checks;
    sim::Client& ann = client();
    world.ask(ann, sim::query("select 1"));
    EXPECT_EQ(says(ann, "D" + sim::int32(length) + "xxxx"), "E(08P01) EOF") << length;
    EXPECT_EQ(checks.count(), 1u);
  }
}

TEST_F(HostileServerTest, last_words_while_parameters_are_set_are_the_clients) {
  sim::Client& ann = client({.more = {{"TimeZone", "Europe/Berlin"}}});
  world.ask(ann, sim::query("select 1"));
  EXPECT_EQ(says(ann, sim::error_response("FATAL", "57P01", "shutting down")), "E(57P01) EOF");
}

TEST_F(HostileServerTest, a_copy_that_failed_before_its_sync_was_read_is_answered) {
  sim::Client& ann = client();
  world.ask(ann, execute("copy in") + sim::sync());
  EXPECT_EQ(says(ann, sim::message('1') + sim::message('2') + sim::message('G', "123")), "1 2 G");
  EXPECT_EQ(says(ann, error() + ready()), "E(22P04) Z(I)");
  world.ask(ann, sim::query("select 1"));
  EXPECT_EQ(says(ann, complete() + ready()), "C(SELECT 1) Z(I)");
  EXPECT_EQ(server.connection_count(), 1);
}

TEST_F(HostileServerTest, a_server_that_may_answer_once_more_is_given_to_nobody) {
  sim::Client& ann = client();
  sim::Client& next = client();
  world.ask(ann, execute("copy in") + sim::sync());
  says(ann, sim::message('1') + sim::message('2') + sim::message('G', "123"));
  world.ask(ann, sim::copy_done() + sim::sync());
  world.ask(next, sim::query("select 1"));
  EXPECT_EQ(says(ann, error() + ready()), "E(22P04) Z(I)");
  EXPECT_EQ(server.connection_count(), 2) << "next got a server that may say Z once more";
  EXPECT_EQ(says(next, complete() + ready()), "C(SELECT 1) Z(I)");
  EXPECT_FALSE(ann.ended());
}

TEST_F(HostileServerTest, the_end_of_a_late_copy_message_frees_the_server) {
  sim::Client& ann = client();
  sim::Client& next = client();
  world.ask(ann, sim::query("copy in"));
  says(ann, sim::message('G', "123"));
  const std::string data = sim::copy_data(std::string(100, 'd'));
  world.ask(ann, data.substr(0, 50));
  EXPECT_EQ(says(ann, error() + ready()), "E(22P04) Z(I)");
  world.ask(next, sim::query("select 1"));
  world.ask(ann, data.substr(50) + sim::copy_done());
  EXPECT_EQ(says(next, complete() + ready()), "C(SELECT 1) Z(I)") << "nobody freed the server";
}

TEST_F(HostileServerTest, a_parameter_that_changes_nothing_is_set_once) {
  server.greeting = sim::message('R', sim::int32(0)) +
                    sim::parameter_status("DateStyle", "ISO, MDY") + sim::message('Z', "I");
  sim::Client& ann = client({.more = {{"DateStyle", "ISO"}}});
  world.ask(ann, sim::query("select 1"));
  EXPECT_EQ(server.heard(), "^PBESQ");
  EXPECT_EQ(says(ann, sim::message('1') + sim::message('2') + sim::message('D', sim::int16(0)) +
                          complete() + ready() + complete() + ready()),
            "S(DateStyle=ISO, MDY) C(SELECT 1) Z(I)");
  world.ask(ann, sim::query("select 1"));
  EXPECT_EQ(server.heard(), "Q") << "every transaction pays for a parameter that is set already";
  EXPECT_EQ(says(ann, complete() + ready()), "C(SELECT 1) Z(I)");
}

TEST_F(HostileServerTest,
       a_notification_while_parameters_are_set_is_the_clients_and_a_notice_is_not) {
  sim::Client& ann = client({.more = {{"TimeZone", "CET"}}});
  world.ask(ann, sim::query("select 1"));
  const std::string notification =
      sim::message('A', sim::int32(7) + sim::cstring("jobs") + sim::cstring("one"));
  EXPECT_EQ(says(ann, sim::message('1') + sim::message('2') + sim::message('D', sim::int16(0)) +
                          sim::parameter_status("TimeZone", "CET") + sim::notice_response("set") +
                          complete() + notification + ready() + complete() + ready()),
            "A(jobs|one) C(SELECT 1) Z(I)");
}

// It may be told that it is cancelled in the middle of that.
TEST_F(HostileServerTest, a_notification_before_its_settings_are_taken_is_for_no_client) {
  sim::Client& ann = client({.more = {{"work_mem", "5MB"}}});
  world.ask(ann, sim::query("select 1"));
  const std::string notification =
      sim::message('A', sim::int32(7) + sim::cstring("jobs") + sim::cstring("one"));
  EXPECT_EQ(says(ann, sim::message('1') + sim::message('2') + notification.substr(0, 8)), "");
  EXPECT_EQ(says(ann, notification.substr(8) + sim::message('D', sim::int16(0)) + complete() +
                          ready() + complete() + ready()),
            "C(SELECT 1) Z(I)");
}

TEST_F(HostileServerTest, a_transaction_without_sync_is_idle_from_its_last_answer_on) {
  world.settings.idle_transaction_timeout = std::chrono::seconds(10);
  sim::Client& ann = client();
  world.ask(ann, execute("slow") + sim::flush());
  world.advance(std::chrono::seconds(30));
  EXPECT_EQ(says(ann, sim::message('1') + sim::message('2') + complete()), "1 2 C(SELECT 1)");
  world.advance(std::chrono::seconds(9));
  EXPECT_FALSE(ann.ended()) << "the time its statement ran was counted as idle";
  world.advance(std::chrono::seconds(2));
  EXPECT_EQ(ann.heard(), "E(25P03) EOF");
}

TEST_F(HostileServerTest, a_server_that_owes_as_much_as_it_may_is_asked_for_it_once) {
  std::string closes;
  for (std::size_t i = 0; i < limits::owed_replies_max; ++i) closes += sim::close('S', "x");
  sim::Client& ann = client();
  world.ask(ann, execute("slow") + closes + sim::sync());
  EXPECT_EQ(server.heard(), "^PBEH");
  EXPECT_EQ(says(ann, sim::message('1') + sim::message('2')), "1 2");
  EXPECT_EQ(server.heard(), "");
  EXPECT_EQ(says(ann, complete()), "C(SELECT 1) 3*10000");
  EXPECT_EQ(server.heard(), "S");
  EXPECT_EQ(says(ann, ready()), "Z(I)");
}

TEST_F(HostileServerTest, a_server_that_has_a_sync_to_answer_is_asked_for_nothing_else) {
  std::string syncs;
  std::string answers;
  for (std::size_t i = 0; i < limits::owed_replies_max; ++i) {
    syncs += sim::sync();
    answers += ready();
  }
  sim::Client& ann = client();
  world.ask(ann, syncs + execute("slow") + sim::sync());
  EXPECT_EQ(server.heard(), "^" + std::string(limits::owed_replies_max, 'S'));
  EXPECT_EQ(says(ann, answers), "Z(I)*10000");
  EXPECT_EQ(server.heard(), "PBES");
  EXPECT_EQ(says(ann, sim::message('1') + sim::message('2') + complete() + ready()),
            "1 2 C(SELECT 1) Z(I)");
}

TEST_F(HostileServerTest, a_login_without_end_or_out_of_order_is_given_up) {
  for (const std::string& greeting :
       {sim::message('Z', "I"), sim::message('R', ""), sim::message('R', sim::int32(11)),
        sim::message('R', sim::int32(12)), sim::message('R', sim::int32(5) + "x"),
        sim::message('E', ""), "R" + sim::int32(-1), "S" + sim::int32(1'000'000),
        sim::message('R', sim::int32(0)) + sim::message('K', "1234"),
        sim::message('R', sim::int32(0)) + sim::message('S', "no value"),
        sim::message('R', sim::int32(0)) + sim::message('Z', "T")}) {
    sim::World other(world.settings);
    ScriptedServer bad;
    bad.greeting = greeting;
    other.shell().add_host(sim::ipv4(10, 0, 0, 9, 5432), bad);
    sim::Client& ann = other.client();
    other.advance(std::chrono::minutes(2));
    EXPECT_FALSE(ann.logged_in());
    EXPECT_TRUE(ann.ended());
    EXPECT_EQ(other.finish(), "");
  }
}

}  // namespace
}  // namespace pgweir
