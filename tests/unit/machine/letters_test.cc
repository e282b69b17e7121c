// A machine that does not take its letters: so many are under way to it and no more, what else
// there is waits, in its order, and nobody else is held up. The first client goes to the first
// machine, and on in turn.
#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "core/base/limits.h"
#include "core/seats/message.h"
#include "sim/mail.h"
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class LettersTest : public Story {
 protected:
  LettersTest() {
    world.machine_count = 2;
    world.settings.default_pool_size = 8;
    world.settings.handover_slack = milliseconds(1);
    UserSettings root;
    root.name = "root";
    world.settings.users.push_back(root);
    world.settings.admin_users = {"root"};
    for (int i = 1; i <= 8; ++i) {
      DatabaseSettings small = world.settings.databases[0];
      small.name = join("small", i);
      small.pool_size = 1;  // lives on one machine
      world.settings.databases.push_back(small);
    }
    world.shell_options.watch = [this](const Event& event, std::span<const Effect> effects) {
      if (begun) mail.step(world.shell().stepping(), world.shell().now(), event, effects);
      for (const Effect& effect : effects) {
        if (const auto* tell = std::get_if<effect::Tell>(&effect)) {
          ++said[std::string(seats::name_of(tell->message))];
        }
      }
    };
  }
  void TearDown() override {
    world.advance(seconds(10));
    EXPECT_EQ(verdict.failed() ? verdict.finding()->what : "", "");
    Story::TearDown();
  }

  void begin() {
    world.shell();
    begun = true;
  }
  sim::Client& client(const sim::LogIn& how = {}) {
    sim::Client& client = world.connect();
    client.log_in(how);
    world.run();
    world.advance(milliseconds(5));
    return client;
  }
  // The second machine takes nothing for so long, and the first has no credit there.
  void deafen(Duration how_long) {
    world.shell().hold_mail(1, after(world.shell().now(), how_long));
    for (std::uint32_t i = 0; i < 2 * limits::letters_under_way_max; ++i) {
      silent.push_back(&world.connect());
    }
    world.run();
  }
  std::string ask(sim::Client& client, std::string_view sql) {
    client.heard();
    client.say(sim::query(sql));
    world.run();
    world.advance(milliseconds(20));
    return client.heard();
  }
  // In the outboxes of all machines.
  std::size_t waiting_letter_count() {
    const std::string text = world.machines().left_over();
    const std::string_view what = " letters that wait for credit";
    std::size_t count = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
      const std::size_t begin = text.find_last_of(' ', at - 1) + 1;  // of the number, or of it all
      count += static_cast<std::size_t>(std::stoul(text.substr(begin, at - begin)));
    }
    return count;
  }
  std::size_t logged_in_count() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(clients, [](const sim::Client* one) { return one->logged_in(); }));
  }
  // To each of the small databases; some of their pools live on the second machine.
  void connect_to_small_databases() {
    for (int i = 1; i <= 8; ++i) clients.push_back(&client({.database = join("small", i)}));
  }

  bool begun = false;
  sim::Verdict verdict;
  sim::Probes probes;
  sim::Mail mail{verdict, probes};
  std::map<std::string, std::size_t> said;
  std::vector<sim::Client*> silent;
  std::vector<sim::Client*> clients;
};

TEST_F(LettersTest, clients_that_a_machine_does_not_take_are_let_in_at_another) {
  begin();
  deafen(seconds(1));
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(ask(client(), "select 'a'"), "T D(a) C(SELECT 1) Z(I)") << i;
  }
  world.advance(seconds(1));
  for (sim::Client* one : silent) one->log_in({});
  world.run();
  EXPECT_TRUE(std::ranges::all_of(silent, &sim::Client::logged_in));
}

TEST_F(LettersTest, a_client_whose_home_takes_no_letters_waits_and_goes_there) {
  begin();
  deafen(seconds(1));
  connect_to_small_databases();
  const std::size_t at_once = logged_in_count();
  EXPECT_GT(at_once, 0u) << "some pools live on the first machine";
  EXPECT_LT(at_once, clients.size()) << "and some on the second";
  world.advance(seconds(1));
  EXPECT_EQ(logged_in_count(), clients.size());
  for (sim::Client* one : clients) {
    EXPECT_EQ(ask(*one, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
  }
}

TEST_F(LettersTest, a_client_that_waits_for_its_home_may_go_or_have_said_all_it_has_to_say) {
  begin();
  deafen(seconds(1));
  connect_to_small_databases();
  std::erase_if(clients, [](const sim::Client* one) { return one->logged_in(); });
  ASSERT_GE(clients.size(), 2u);
  clients[0]->vanish();
  clients[1]->finish();
  world.run();
  EXPECT_FALSE(clients[1]->ended()) << "its home has to answer it";
  world.advance(seconds(1));
  EXPECT_TRUE(clients[1]->ended() || clients[1]->logged_in());
  EXPECT_EQ(logged_in_count(), clients.size() - (clients[1]->logged_in() ? 1 : 2));
}

TEST_F(LettersTest, a_client_that_has_gone_before_it_could_be_handed_over_does_not_wait) {
  begin();
  deafen(seconds(1));
  connect_to_small_databases();
  std::erase_if(clients, [](const sim::Client* one) { return one->logged_in(); });
  const std::size_t before = waiting_letter_count();
  ASSERT_GE(before, clients.size());
  for (sim::Client* one : clients) one->vanish();
  world.run();
  EXPECT_LE(waiting_letter_count(), before - clients.size());
}

TEST_F(LettersTest, a_machine_that_ends_waits_for_no_credit_for_its_clients) {
  begin();
  deafen(seconds(1));
  connect_to_small_databases();
  const auto waits = std::ranges::find_if(clients, [](auto* one) { return !one->logged_in(); });
  ASSERT_NE(waits, clients.end());
  (*waits)->read(false);  // its socket stays for a while, and goes nowhere
  world.shell().command(event::Command::drain);
  world.run();
  for (sim::Client* one : clients) EXPECT_EQ(one->ended(), one != *waits);
  for (sim::Client* one : silent) one->finish();
  world.advance(seconds(2));
  (*waits)->read(true);
  world.run();
  EXPECT_EQ(world.shell().exit_status(), 0);
}

TEST_F(LettersTest, a_server_is_kept_while_it_cannot_be_given_and_given_then) {
  world.settings.databases[0].max_db_connections = 1;
  begin();
  sim::Client& here = client();
  sim::Client& there = client();
  EXPECT_EQ(ask(here, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
  deafen(milliseconds(500));
  EXPECT_EQ(ask(there, "select 'b'"), "");
  EXPECT_EQ(ask(here, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
  world.advance(milliseconds(500));
  EXPECT_EQ(there.heard(), "T D(b) C(SELECT 1) Z(I)");
}

TEST_F(LettersTest, nothing_is_granted_that_cannot_be_told) {
  world.settings.databases[0].max_db_connections = 3;
  begin();
  sim::Client& here = client();
  sim::Client& there = client();
  client();
  sim::Client& there_too = client();
  EXPECT_EQ(ask(here, "begin"), "C(BEGIN) Z(T)");
  EXPECT_EQ(ask(there_too, "begin"), "C(BEGIN) Z(T)");
  deafen(milliseconds(500));
  EXPECT_EQ(ask(there, "select 'b'"), "");
  sim::Client& late = client();
  EXPECT_EQ(ask(late, "begin"), "C(BEGIN) Z(T)") << "the place is kept for nobody";
  EXPECT_EQ(ask(late, "commit"), "C(COMMIT) Z(I)");
  world.advance(milliseconds(500));
  EXPECT_EQ(there.heard(), "T D(b) C(SELECT 1) Z(I)");
}

TEST_F(LettersTest, nobody_is_asked_for_an_answer_that_is_not_waited_for_any_more) {
  begin();
  sim::Client& admin = client({.user = "root", .database = "pgbouncer"});
  deafen(seconds(12));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ask(admin, "show pools"), "");
    world.advance(limits::gather_wait);
    EXPECT_NE(admin.heard().find("C(SHOW) Z(I)"), std::string::npos) << "what there is here";
  }
  world.advance(seconds(5));
  EXPECT_EQ(said["Ask"], 0u);
  EXPECT_NE(ask(admin, "show pools").find("C(SHOW) Z(I)"), std::string::npos);
  EXPECT_EQ(said["Ask"], 1u);
}

TEST_F(LettersTest, the_cancel_of_who_has_gone_before_it_could_be_told_is_not_told) {
  begin();
  client();
  sim::Client& there = client();
  EXPECT_EQ(ask(there, "sleep"), "");
  deafen(milliseconds(500));
  const auto canceller = [&]() -> sim::Client& {
    sim::Client& one = world.connect();
    one.say(sim::cancel_request(there.pid(), there.secret()));
    world.run();
    return one;
  };
  for (int i = 0; i < 100; ++i) {
    canceller().vanish();
    world.run();
  }
  sim::Client& last = canceller();
  last.finish();  // it has said all it had to say, and waits for nothing but the end
  world.run();
  EXPECT_FALSE(last.ended());
  EXPECT_EQ(there.heard(), "");
  world.advance(seconds(1));
  EXPECT_EQ(said["Cancel"], 1u) << "who brings cancels and goes fills the outbox";
  EXPECT_TRUE(last.ended());
  EXPECT_EQ(there.heard(), "T E(57014) Z(I)");
}

TEST_F(LettersTest, of_hunger_only_the_newest_is_told_when_letters_are_taken_again) {
  world.settings.databases[0].max_db_connections = 1;
  begin();
  sim::Client& here = client();
  sim::Client& there = client();
  EXPECT_EQ(ask(there, "begin"), "C(BEGIN) Z(T)");
  deafen(milliseconds(500));
  said.clear();
  std::vector<sim::Client*> waiting;
  for (int i = 0; i < 10; ++i) {
    waiting.push_back(&client());
    waiting.back()->say(sim::query("select 'c'"));
    world.run();
    world.advance(milliseconds(10));
  }
  EXPECT_EQ(said["Hungry"], 0u);
  EXPECT_EQ(ask(there, "commit"), "C(COMMIT) Z(I)");
  world.advance(seconds(1));
  EXPECT_GE(said["Hungry"], 1u);
  EXPECT_LE(said["Hungry"], 3u) << "more clients came than that, and each was news";
  for (sim::Client* one : waiting) EXPECT_EQ(one->heard(), "T D(c) C(SELECT 1) Z(I)");
  EXPECT_EQ(ask(here, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
}

}  // namespace
}  // namespace pgweir
