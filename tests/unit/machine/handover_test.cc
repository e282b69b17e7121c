// A pool that lives on two machines: its servers go to where its clients wait, and every limit is
// one number for all. Clients come to the machines in turn, the first to the first.
#include "core/base/limits.h"
#include "core/seats/message.h"
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

using std::chrono::milliseconds;

class HandoverTest : public Story {
 protected:
  HandoverTest() {
    world.machine_count = 2;
    world.settings.default_pool_size = 8;
    world.settings.handover_slack = milliseconds(1);
    world.shell_options.delay = [this](sim::Wait wait) {
      return wait == sim::Wait::post ? post_takes : Duration{};
    };
    world.shell_options.watch = [this](const Event&, std::span<const Effect> effects) {
      for (const Effect& effect : effects) {
        if (const auto* moved = std::get_if<effect::HandOver>(&effect)) {
          handed_over += moved->socket.kind == SocketKind::server;
        } else if (const auto* told = std::get_if<effect::Tell>(&effect)) {
          hungry_told += seats::name_of(told->message) == "Hungry";
        }
      }
    };
  }

  // Until hunger was told, and a server has come.
  void settle() { world.advance(milliseconds(5) + 8 * post_takes); }
  sim::Client& client(const sim::LogIn& how = {}) {
    sim::Client& client = world.connect();
    client.log_in(how);
    world.run();
    settle();
    client.heard();
    return client;
  }
  std::string ask(sim::Client& client, std::string_view sql) {
    client.say(sim::query(sql));
    world.run();
    settle();
    return client.heard();
  }

  // With the only server, which goes on: no other can log in any more.
  sim::Client& last_to_be_let_in() {
    world.add_user("ann", "secret");
    sim::Client& here = client();
    EXPECT_EQ(ask(here, "begin"), "C(BEGIN) Z(T)");
    change_password();
    return here;
  }
  void change_password() {
    world.postgres.options().passwords["ann"] = "another";
    world.postgres.options().auth = sim::ServerOptions::Auth::md5;
  }

  // Who asked for the only server goes while it is on its way: it is idle where nobody has been.
  void let_it_come_to_nobody(sim::Client& there) {
    there.say(sim::query("select 'b'"));
    world.run();
    world.advance(milliseconds(1) + post_takes + post_takes / 2);
    there.vanish();
    world.run();
    settle();
    EXPECT_EQ(handed_over, 1u);
  }

  Duration post_takes{};
  std::size_t handed_over = 0;  // servers
  std::size_t hungry_told = 0;
};

TEST_F(HandoverTest, a_server_goes_to_the_machine_where_somebody_waits) {
  world.settings.databases[0].max_db_connections = 1;
  sim::Client& here = client();
  sim::Client& there = client();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask(here, "select 'a'"), "T D(a) C(SELECT 1) Z(I)") << i;
    EXPECT_EQ(ask(there, "select 'b'"), "T D(b) C(SELECT 1) Z(I)") << i;
  }
  EXPECT_EQ(world.postgres.session_count_max(), 1u);
}

TEST_F(HandoverTest, a_server_is_found_at_whichever_of_many_machines_it_is) {
  world.machine_count = 16;
  world.settings.default_pool_size = 16 * limits::servers_a_machine;
  world.settings.databases[0].max_db_connections = 1;
  std::vector<sim::Client*> clients;
  for (int i = 0; i < 16; ++i) clients.push_back(&client());
  for (std::size_t i = 0; i < 64; ++i) {
    EXPECT_EQ(ask(*clients[i * 5 % 16], "select 'a'"), "T D(a) C(SELECT 1) Z(I)") << i;
  }
  EXPECT_EQ(world.postgres.session_count_max(), 1u);
}

TEST_F(HandoverTest, it_stays_while_a_transaction_is_open) {
  world.settings.databases[0].max_db_connections = 1;
  sim::Client& here = client();
  sim::Client& there = client();
  ask(here, "begin");
  EXPECT_EQ(ask(there, "select 'b'"), "");
  EXPECT_EQ(ask(here, "commit"), "C(COMMIT) Z(I)");
  EXPECT_EQ(there.heard(), "T D(b) C(SELECT 1) Z(I)");
}

TEST_F(HandoverTest, whoever_has_waited_longest_is_served_first_at_whichever_machine) {
  world.settings.databases[0].max_db_connections = 1;
  sim::Client& first = client();
  sim::Client& second = client();
  sim::Client& third = client();
  ask(first, "begin");
  EXPECT_EQ(ask(second, "begin"), "");
  EXPECT_EQ(ask(third, "select 'c'"), "") << "at the machine of the first";
  ask(first, "commit");
  EXPECT_EQ(second.heard(), "C(BEGIN) Z(T)");
  EXPECT_EQ(third.heard(), "");
  ask(second, "commit");
  EXPECT_EQ(third.heard(), "T D(c) C(SELECT 1) Z(I)");
}

TEST_F(HandoverTest, what_nobody_waits_for_goes_to_the_machine_where_somebody_has_waited_longest) {
  world.machine_count = 3;
  world.settings.default_pool_size = 3 * limits::servers_a_machine;
  world.settings.databases[0].max_db_connections = 1;
  sim::Client& at_the_first = client();
  sim::Client& at_the_second = client();
  sim::Client& at_the_third = client();
  ask(at_the_third, "begin");
  EXPECT_EQ(ask(at_the_second, "begin"), "");
  EXPECT_EQ(ask(at_the_first, "select 'a'"), "");
  const std::size_t before = handed_over;
  ask(at_the_third, "commit");
  EXPECT_EQ(at_the_second.heard(), "C(BEGIN) Z(T)");
  EXPECT_EQ(at_the_first.heard(), "");
  EXPECT_EQ(handed_over - before, 1u) << "it took a way round";
  ask(at_the_second, "commit");
  EXPECT_EQ(at_the_first.heard(), "T D(a) C(SELECT 1) Z(I)");
}

TEST_F(HandoverTest, a_server_that_comes_to_nobody_is_for_who_logs_in_next) {
  world.settings.databases[0].name = "*";
  world.settings.databases[0].max_db_connections = 1;
  sim::Client& here = client({.database = "db"});
  sim::Client& there = client({.database = "db"});
  ask(here, "select 'a'");
  here.vanish();
  post_takes = milliseconds(5);
  let_it_come_to_nobody(there);
  for (int i = 0; i < 2; ++i) {  // one of them there
    EXPECT_TRUE(client({.database = "db"}).logged_in()) << i;
  }
}

TEST_F(HandoverTest, a_server_that_changes_machines_has_been_idle_for_as_long_as_it_was) {
  world.settings.databases[0].max_db_connections = 1;
  world.settings.server_idle_timeout = std::chrono::seconds(10);
  post_takes = milliseconds(5);
  sim::Client& here = client();
  sim::Client& there = client();
  ask(here, "select 'a'");
  world.advance(std::chrono::seconds(9));
  let_it_come_to_nobody(there);
  EXPECT_EQ(world.postgres.session_count(), 1u);
  world.advance(std::chrono::seconds(1));
  EXPECT_EQ(world.postgres.session_count(), 0u);
}

// What the table was is known at the machine that was told; the server that it gives is not asked
// again.
TEST_F(HandoverTest, a_server_that_changes_machines_prepares_anew_what_has_changed) {
  world.settings.databases[0].max_db_connections = 2;
  sim::Client& one = client();
  sim::Client& there = client();
  sim::Client& other = client();
  const std::string run = sim::bind("", "s1") + sim::execute("") + sim::sync();
  const auto say = [&](sim::Client& who, const std::string& what) {
    who.say(what);
    world.run();
    settle();
    return who.heard();
  };
  const std::string prepare = sim::parse("s1", "select 'a'") + sim::sync();
  EXPECT_EQ(say(there, prepare), "1 Z(I)");
  for (sim::Client* who : {&one, &other}) {
    EXPECT_EQ(ask(*who, "begin"), "C(BEGIN) Z(T)");  // each has a server
    EXPECT_EQ(say(*who, prepare), "1 Z(T)");
  }
  for (sim::Client* who : {&one, &other}) ask(*who, "commit");
  world.postgres.change_tables();
  ask(one, "begin");
  EXPECT_EQ(say(one, run), "E(0A000) Z(E)");
  EXPECT_EQ(say(there, run), "2 D(a) C(SELECT 1) Z(I)") << "at the server of the other";
  EXPECT_GE(handed_over, 1u);
}

// Four servers are opened there, and each log-in is news for the ledger.
TEST_F(HandoverTest, hunger_is_told_once_in_a_slack_whatever_else_there_is_to_tell) {
  world.machine_count = 3;
  world.settings.default_pool_size = 3 * limits::servers_a_machine;
  world.settings.handover_slack = std::chrono::seconds(1);
  std::vector<sim::Client*> there;
  for (int i = 0; i < 4; ++i) {
    client();
    there.push_back(&client());
    client();
  }
  world.shell_options.delay = [login = milliseconds(0)](sim::Wait wait) mutable {
    return wait == sim::Wait::connect ? login += milliseconds(1) : Duration{};
  };
  world.advance(std::chrono::seconds(2));
  hungry_told = 0;
  for (sim::Client* who : there) who->say(sim::query("begin"));
  world.run();
  world.advance(milliseconds(1100));  // three wait for a slack first
  for (sim::Client* who : there) EXPECT_EQ(who->heard(), "C(BEGIN) Z(T)");
  EXPECT_EQ(hungry_told, 1u);
}

TEST_F(HandoverTest, a_short_wait_brings_no_server_from_elsewhere) {
  world.settings.databases[0].max_db_connections = 2;
  world.settings.handover_slack = std::chrono::seconds(1);
  sim::Client& here = client();
  sim::Client& there = client();
  sim::Client& here_too = client();
  ask(here, "begin");
  EXPECT_EQ(ask(there, "select 'b'"), "T D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(ask(here_too, "select 'c'"), "") << "it may be served by a server of its machine";
  EXPECT_EQ(ask(here, "commit"), "C(COMMIT) Z(I)");
  EXPECT_EQ(here_too.heard(), "T D(c) C(SELECT 1) Z(I)");
}

// Its loop sees the world no finer than that.
TEST_F(HandoverTest, who_waits_at_a_machine_that_comes_late_waits_for_as_long_before_it_is_told) {
  Duration late{};
  world.settings.databases[0].max_db_connections = 2;
  world.shell_options.delay = [&](sim::Wait wait) {
    return wait == sim::Wait::timer ? late : Duration{};
  };
  sim::Client& here = client();
  sim::Client& there = client();
  client();
  sim::Client& waits = client();  // there
  const auto given_after = [&](Duration wait) {
    EXPECT_EQ(ask(there, "begin"), "C(BEGIN) Z(T)");
    EXPECT_EQ(ask(here, "begin"), "C(BEGIN) Z(T)");
    waits.say(sim::query("select 'a'"));
    world.run();
    const std::size_t before = handed_over;
    world.advance(wait);
    EXPECT_EQ(world.query(here, "commit"), "C(COMMIT) Z(I)");
    const std::size_t given = handed_over - before;
    EXPECT_EQ(world.query(there, "commit"), "C(COMMIT) Z(I)");
    world.advance(milliseconds(50));
    EXPECT_EQ(waits.heard(), "T D(a) C(SELECT 1) Z(I)");
    return given;
  };
  EXPECT_EQ(given_after(milliseconds(2)), 1u);
  late = milliseconds(8);
  EXPECT_EQ(given_after(milliseconds(20)), 1u);
  late = {};
  EXPECT_EQ(given_after(milliseconds(2)), 0u) << "it was late just now";
  world.advance(2 * limits::lateness_remembered);
  EXPECT_EQ(given_after(milliseconds(2)), 1u) << "and is not any more";
}

TEST_F(HandoverTest, a_server_that_dies_on_its_way_is_missed_nowhere) {
  post_takes = milliseconds(5);
  world.settings.databases[0].max_db_connections = 1;
  sim::Client& here = client();
  sim::Client& there = client();
  EXPECT_EQ(ask(here, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
  there.say(sim::query("select 'b'"));
  world.run();
  world.advance(milliseconds(8));  // it is on its way
  ASSERT_TRUE(world.shell().servers_move());
  world.postgres.vanish_all();
  settle();
  EXPECT_EQ(there.heard(), "E(08006) EOF") << "it was given the server before that was known";
  world.advance(std::chrono::seconds(1));
  EXPECT_EQ(ask(here, "select 'a'"), "T D(a) C(SELECT 1) Z(I)") << "by one in its place";
}

TEST_F(HandoverTest, a_server_of_settings_of_yesterday_is_not_taken) {
  post_takes = milliseconds(5);
  world.settings.databases[0].max_db_connections = 1;
  sim::Client& here = client();
  sim::Client& there = client();
  ask(here, "select 'a'");
  there.say(sim::query("select 'b'"));
  world.run();
  world.advance(milliseconds(8));
  ASSERT_TRUE(world.shell().servers_move());
  Settings next = world.settings;
  next.databases[0].dbname = "moved";
  world.shell().set_settings(next);
  post_takes = {};  // all have them before the server arrives
  world.shell().command(event::Command::reload);
  settle();
  settle();
  EXPECT_EQ(there.heard(), "T D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.postgres.login_count(), 2u) << "by a server of another database";
}

TEST_F(HandoverTest, who_logs_in_where_no_server_is_hears_what_the_servers_elsewhere_say) {
  post_takes = milliseconds(5);
  world.settings.databases[0].max_db_connections = 1;
  sim::Client& here = client();
  ask(here, "begin");  // it never comes free
  sim::Client& there = client();
  EXPECT_TRUE(there.logged_in());
  ask(here, "commit");
}

TEST_F(HandoverTest, max_user_connections_is_one_number_for_all) {
  post_takes = milliseconds(5);
  world.settings.max_user_connections = 1;
  for (const char* name : {"db1", "db2", "db3"}) {
    DatabaseSettings more = world.settings.databases[0];
    more.name = name;
    world.settings.databases.push_back(more);
  }
  for (const char* name : {"db", "db1", "db2", "db3", "db", "db2"}) {
    sim::Client& one = client({.database = name});
    settle();
    EXPECT_EQ(ask(one, "select 'a'"), "T D(a) C(SELECT 1) Z(I)") << name;
  }
  EXPECT_EQ(world.postgres.session_count_max(), 1u);
}

// One of those that need a place has waited longer but has as many servers, the other has none but
// came later: neither gets this one, though somebody has waited longer, and somebody has none.
TEST_F(HandoverTest, a_server_goes_to_none_that_has_only_waited_longer_or_only_has_none) {
  post_takes = milliseconds(5);
  world.settings.default_pool_size = 4;  // each pool at one machine
  world.settings.max_user_connections = 2;
  world.settings.server_check_delay = {};
  for (const char* name : {"more", "none"}) {
    DatabaseSettings another = world.settings.databases[0];
    another.name = name;
    world.settings.databases.push_back(another);
  }
  sim::Client& of_more = client({.database = "more"});
  sim::Client& has_waited_longer = client({.database = "more"});
  sim::Client& first = client();
  sim::Client& waits = client();
  EXPECT_EQ(ask(of_more, "begin"), "C(BEGIN) Z(T)");
  EXPECT_EQ(ask(first, "begin"), "C(BEGIN) Z(T)");
  EXPECT_EQ(ask(has_waited_longer, "select 'a'"), "");
  EXPECT_EQ(ask(waits, "select 'b'"), "");
  sim::Client& has_none = client({.database = "none"});
  EXPECT_EQ(ask(first, "commit"), "C(COMMIT) Z(I)");
  EXPECT_EQ(waits.heard(), "T D(b) C(SELECT 1) Z(I)") << "it is checked and offered for ever";
  EXPECT_EQ(ask(of_more, "commit"), "C(COMMIT) Z(I)");
  EXPECT_EQ(has_waited_longer.heard(), "T D(a) C(SELECT 1) Z(I)");
  EXPECT_TRUE(has_none.logged_in());
}

TEST_F(HandoverTest, two_machines_do_not_both_close_what_min_pool_size_keeps) {
  post_takes = milliseconds(5);
  world.settings.min_pool_size = 1;
  world.settings.server_idle_timeout = std::chrono::seconds(10);
  sim::Client& here = client();
  sim::Client& there = client();
  here.say(sim::query("begin"));
  there.say(sim::query("begin"));
  settle();
  here.say(sim::query("commit"));
  there.say(sim::query("commit"));
  settle();
  ASSERT_EQ(world.shell().socket_count(SocketKind::server), 2u);
  world.advance(std::chrono::minutes(1));
  EXPECT_EQ(world.shell().socket_count(SocketKind::server), 1u);
  EXPECT_EQ(world.postgres.session_count_max(), 2u) << "none was closed that is opened again";
}

TEST_F(HandoverTest, draining_waits_for_servers_on_their_way) {
  post_takes = milliseconds(5);
  world.settings.databases[0].max_db_connections = 1;
  sim::Client& here = client();
  sim::Client& there = client();
  ask(here, "select 'a'");
  there.say(sim::query("select 'b'"));
  world.run();
  world.advance(milliseconds(8));
  ASSERT_TRUE(world.shell().servers_move());
  world.shell().command(event::Command::drain);
  settle();
  EXPECT_EQ(there.heard(), "T D(b) C(SELECT 1) Z(I) E(57P01) EOF");
  world.advance(std::chrono::seconds(2));
  EXPECT_EQ(world.shell().exit_status(), 0);
}

TEST_F(HandoverTest, while_another_machine_has_a_server_nobody_is_told_that_none_can_be_had) {
  sim::Client& here = last_to_be_let_in();
  sim::Client& there = client();
  client();
  sim::Client& there_too = client();
  EXPECT_EQ(ask(there, "select 'b'"), "");
  ASSERT_EQ(world.shell().note_count(NoteKind::server_login_failed), 1u);
  EXPECT_EQ(ask(there_too, "select 'c'"), "");
  EXPECT_EQ(ask(here, "commit"), "C(COMMIT) Z(I)");
  EXPECT_EQ(there.heard(), "T D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(there_too.heard(), "T D(c) C(SELECT 1) Z(I)");
}

TEST_F(HandoverTest, when_the_last_server_goes_all_are_told_that_none_can_be_had) {
  last_to_be_let_in();
  sim::Client& there = client();
  EXPECT_EQ(ask(there, "select 'b'"), "");
  world.postgres.vanish_all();
  settle();
  EXPECT_EQ(there.heard(), "E(08004) EOF") << "long before the next attempt";
}

TEST_F(HandoverTest, a_pool_that_is_made_again_hears_why_none_can_be_had) {
  world.add_user("ann", "secret");
  world.settings.databases[0].name = "*";
  sim::Client& here = client({.database = "db"});
  sim::Client& there = client({.database = "db"});
  EXPECT_EQ(ask(here, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
  change_password();
  world.postgres.vanish_all();
  settle();
  EXPECT_EQ(ask(there, "select 'b'"), "E(08004) EOF");
  sim::Client& one = client({.database = "db"});
  sim::Client& other = client({.database = "db"});
  for (sim::Client* again : {&one, &other}) {  // one of them there
    EXPECT_EQ(ask(*again, "select 'a'"), "E(08004) EOF") << "before the next attempt";
  }
}

TEST_F(HandoverTest, what_begins_to_speak_while_it_is_offered_and_stays_has_its_clock) {
  post_takes = milliseconds(5);
  world.settings.min_pool_size = 1;
  world.settings.databases[0].max_db_connections = 1;
  world.settings.server_idle_timeout = std::chrono::seconds(10);
  client();
  sim::Client& there = client();
  EXPECT_EQ(ask(there, "select 'b'"), "T D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.query(there, "select 'b'"), "T D(b) C(SELECT 1) Z(I)");
  world.advance(std::chrono::seconds(10) + milliseconds(2));  // seat 0 has not heard of it yet
  const auto& session = world.postgres.sessions().front();
  session->stream()->write("N");
  world.advance(std::chrono::minutes(5));
  EXPECT_EQ(world.postgres.login_count(), 2u) << "another is kept open in its place";
}

// The first machine's client is refused to write while a server goes from the second to the third.
TEST_F(HandoverTest, a_server_of_a_standby_that_is_left_on_its_way_is_not_taken) {
  post_takes = milliseconds(5);
  world.machine_count = 3;
  world.settings.default_pool_size = 12;
  world.settings.databases[0].max_db_connections = 2;
  world.postgres.options().standby = true;
  sim::Client& first = client();
  sim::Client& second = client();
  sim::Client& third = client();
  EXPECT_EQ(ask(first, "begin"), "C(BEGIN) Z(T)");
  EXPECT_EQ(ask(second, "begin"), "C(BEGIN) Z(T)");
  EXPECT_EQ(ask(third, "insert into ledger values ('v')"), "") << "it waits";
  EXPECT_EQ(world.query(first, "insert into ledger values ('v')"), "E(25006) Z(E)");
  world.postgres.options().standby = false;  // where its name leads now
  EXPECT_EQ(world.query(first, "rollback"), "C(ROLLBACK) Z(I)");
  world.advance(milliseconds(3));  // the others have not heard of it yet
  EXPECT_EQ(world.query(second, "commit"), "C(COMMIT) Z(I)");
  ASSERT_TRUE(world.shell().servers_move());
  settle();
  EXPECT_EQ(third.heard(), "C(INSERT 0 1) Z(I)");
  EXPECT_EQ(world.postgres.session_count(), 1u) << "of where the name leads now";
}

}  // namespace
}  // namespace pgweir
