// Several machines in one process: clients are handed over to where their pool lives, every limit
// is one number for all, and what spans them is asked of all. What the machines say to each other
// takes its time where a test says so.
#include <set>
#include <vector>

#include "core/base/limits.h"
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

using std::chrono::milliseconds;

class SeatsTest : public Story {
 protected:
  SeatsTest() {
    world.machine_count = 4;
    world.shell_options.delay = [this](sim::Wait wait) {
      return wait == sim::Wait::post ? post_takes : Duration{};
    };
    UserSettings root;
    root.name = "root";
    world.settings.users.push_back(root);
    world.settings.admin_users = {"root"};
    for (const char* name : {"db1", "db2", "db3", "db4", "db5", "db6", "db7"}) {
      DatabaseSettings more = world.settings.databases[0];
      more.name = name;
      world.settings.databases.push_back(more);
    }
  }

  // Until letters have come, and answers to them.
  void settle() { world.advance(8 * post_takes); }
  sim::Client& client(const sim::LogIn& how = {}) {
    sim::Client& client = world.connect();
    client.log_in(how);
    world.run();
    settle();
    return client;
  }
  sim::Client& admin() { return client({.user = "root", .database = "pgbouncer"}); }
  std::string ask(sim::Client& client, std::string_view sql) {
    client.say(sim::query(sql));
    world.run();
    settle();
    return client.heard();
  }

  // As it was sent.
  std::string answer_to(sim::Client& client, std::string_view sql) {
    const auto before = world.shell().records();
    EXPECT_NE(ask(client, sql).find("C(SHOW) Z(I)"), std::string::npos);
    std::string answer;
    for (const auto& [socket, record] : world.shell().records()) {
      if (socket.kind != SocketKind::client) continue;
      const auto known = before.find(socket);
      answer += record.sent.substr(known == before.end() ? 0 : known->second.sent.size());
    }
    return answer;
  }
  static std::size_t occurrences(std::string_view text, std::string_view word) {
    std::size_t count = 0;
    for (std::size_t at = text.find(word); at != std::string_view::npos;
         at = text.find(word, at + 1)) {
      ++count;
    }
    return count;
  }

  Duration post_takes{};
};

TEST_F(SeatsTest, a_pool_is_one_pool_whichever_machine_its_clients_came_to) {
  post_takes = milliseconds(5);
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(ask(client(), "select 'a'"), "T D(a) C(SELECT 1) Z(I)") << i;
  }
  EXPECT_EQ(world.postgres.session_count_max(), 1u) << "pool_size is 1";
}

TEST_F(SeatsTest, pools_are_spread_and_each_is_served) {
  for (const DatabaseSettings& database : world.settings.databases) {
    EXPECT_EQ(ask(client({.database = database.name}), "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
  }
  std::set<std::uint32_t> machines;
  for (const auto& [socket, record] : world.shell().records()) {
    if (socket.kind == SocketKind::server) machines.insert(socket.slot % 4);
  }
  EXPECT_GE(machines.size(), 3u) << "eight databases, four machines";
}

TEST_F(SeatsTest, what_a_client_says_before_it_is_asked_goes_with_it) {
  post_takes = milliseconds(5);
  sim::Client& eager = world.connect();
  eager.say(sim::startup({{"user", "ann"}, {"database", "db"}}) + sim::query("select 'a'"));
  world.run();
  settle();
  settle();
  EXPECT_EQ(eager.heard(), "T D(a) C(SELECT 1) Z(I)");
}

TEST_F(SeatsTest, one_that_leaves_on_its_way_is_missed_nowhere) {
  post_takes = milliseconds(5);
  for (int i = 0; i < 8; ++i) {
    sim::Client& hasty = world.connect();
    hasty.log_in({});
    world.run();
    if (i % 2 == 0) world.advance(milliseconds(7));
    hasty.vanish();
    world.run();
  }
  settle();
  world.advance(std::chrono::hours(2));
  EXPECT_EQ(world.machines().left_over(), "");
}

TEST_F(SeatsTest, max_client_conn_is_one_number_for_all) {
  post_takes = milliseconds(5);
  world.settings.max_client_conn = 3;
  std::vector<sim::Client*> clients;
  for (int i = 0; i < 3; ++i)
    clients.push_back(&client({.database = "db" + std::to_string(i + 1)}));
  for (sim::Client* in : clients) EXPECT_TRUE(in->logged_in());
  EXPECT_EQ(client({.database = "db5"}).heard(), "E(53300) EOF");
  EXPECT_TRUE(admin().logged_in()) << "the administrator has a place of his own";
  clients[1]->vanish();
  settle();
  EXPECT_EQ(client({.database = "db6"}).heard(), "E(53300) EOF") << "root has taken the place";
}

// A second machine would only be woken for it.
TEST_F(SeatsTest, who_comes_when_nobody_else_is_there_stays_at_the_machine_that_accepts) {
  world.settings.default_pool_size = 16;  // lives on all
  std::size_t handed_over = 0;
  world.shell_options.watch = [&](const Event&, std::span<const Effect> effects) {
    for (const Effect& effect : effects) {
      handed_over += std::holds_alternative<effect::HandOver>(effect);
    }
  };
  for (int i = 0; i < 4; ++i) {
    sim::Client& alone = client();
    ask(alone, "select 'a'");
    alone.vanish();
    world.run();
  }
  EXPECT_EQ(handed_over, 0u);
  for (int i = 0; i < 4; ++i) client();
  EXPECT_EQ(handed_over, 3u) << "each machine has one of four";
}

TEST_F(SeatsTest, who_is_handed_over_and_never_logs_in_gives_his_place_back) {
  post_takes = milliseconds(5);
  world.settings.max_client_conn = 8;
  for (int round = 0; round < 4; ++round) {
    std::vector<sim::Client*> silent;
    for (int i = 0; i < 8; ++i) silent.push_back(&world.connect());
    world.run();
    settle();
    for (sim::Client* one : silent) one->vanish();
    world.run();
    settle();
  }
  std::vector<sim::Client*> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(&client());
  for (sim::Client* one : clients) EXPECT_TRUE(one->logged_in());
  EXPECT_EQ(client().heard(), "E(53300) EOF");
}

TEST_F(SeatsTest, who_does_not_log_in_keeps_no_more_than_half_of_the_places) {
  post_takes = milliseconds(5);
  world.settings.max_client_conn = 8;
  for (int i = 0; i < 32; ++i) world.connect();
  world.run();
  settle();
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(client().logged_in()) << i;
}

TEST_F(SeatsTest, a_cancel_finds_the_machine_of_its_client) {
  post_takes = milliseconds(5);
  for (int i = 0; i < 4; ++i) {  // wherever the request comes in
    sim::Client& sleeper = client();
    EXPECT_EQ(ask(sleeper, "sleep"), "");
    sim::Client& canceller = world.connect();
    canceller.say(sim::cancel_request(sleeper.pid(), sleeper.secret()));
    world.run();
    settle();
    EXPECT_EQ(canceller.heard(), "EOF");
    EXPECT_EQ(sleeper.heard(), "T E(57014) Z(I)") << i;
  }
}

// More than there may be letters under way at once, of one key and of keys that nobody has.
TEST_F(SeatsTest, a_storm_of_cancels_for_another_machines_client_is_one_cancel) {
  post_takes = milliseconds(5);
  sim::Client& sleeper = client();
  EXPECT_EQ(ask(sleeper, "sleep"), "");
  std::vector<sim::Client*> storm;
  for (std::uint32_t i = 0; i < 400; ++i) {
    storm.push_back(&world.connect());
    storm.back()->say(sim::cancel_request(sleeper.pid() ^ i / 2, sleeper.secret()));
  }
  world.run();
  world.advance(milliseconds(500));
  for (const sim::Client* canceller : storm) EXPECT_TRUE(canceller->ended());
  EXPECT_EQ(sleeper.heard(), "T E(57014) Z(I)");
  EXPECT_EQ(world.shell().note_count(NoteKind::cancel_sent), 1u);
}

TEST_F(SeatsTest, who_brought_a_cancel_is_let_go_when_it_has_been_seen_to) {
  sim::Client& sleeper = client();
  EXPECT_EQ(ask(sleeper, "sleep"), "");
  post_takes = milliseconds(5);
  int kept = 0;
  for (int i = 0; i < 4; ++i) {
    sim::Client& canceller = world.connect();
    canceller.say(sim::cancel_request(sleeper.pid(), sim::almost(sleeper.secret())));
    world.run();
    world.advance(milliseconds(5));
    kept += !canceller.ended();
    world.advance(milliseconds(20));
    EXPECT_TRUE(canceller.ended());
  }
  EXPECT_GE(kept, 2) << "else its client may ask the next before the cancel has come";
  world.postgres.wake_sleepers();
  world.run();
  EXPECT_EQ(sleeper.heard(), "T D(awake) C(SELECT 1) Z(I)");
}

TEST_F(SeatsTest, who_brought_a_cancel_in_the_last_moment_of_its_login_is_let_go_when_it_has_come) {
  world.settings.client_login_timeout = milliseconds(5000);
  sim::Client& sleeper = client();
  EXPECT_EQ(ask(sleeper, "sleep"), "");
  for (int i = 0; i < 4; ++i) {
    sim::Client& canceller = world.connect();
    world.run();
    world.advance(milliseconds(4999));
    post_takes = milliseconds(5);
    canceller.say(sim::cancel_request(sleeper.pid(), sim::almost(sleeper.secret())));
    world.advance(milliseconds(3));
    EXPECT_EQ(canceller.error_text(), "");
    settle();
    EXPECT_TRUE(canceller.ended());
    post_takes = {};
  }
}

TEST_F(SeatsTest, who_says_no_more_still_hears_what_other_machines_have) {
  post_takes = milliseconds(5);
  sim::Client& root = admin();
  root.say(sim::query("show clients"));
  root.finish();
  world.run();
  settle();
  EXPECT_NE(root.heard().find("C(SHOW) Z(I) EOF"), std::string::npos);
}

TEST_F(SeatsTest, many_may_log_in_to_one_database_at_once) {
  world.settings.auth_type = AuthType::scram_sha_256;
  post_takes = milliseconds(5);
  const std::size_t many = limits::clients_unauthenticated_max / world.machine_count + 50;
  std::vector<sim::Client*> clients;
  for (std::size_t i = 0; i < many; ++i) {
    clients.push_back(&world.connect());
    clients.back()->read(false);
    clients.back()->say(sim::startup({{"user", "ann"}, {"database", "db"}}));
  }
  world.run();
  settle();
  world.advance(2 * limits::close_linger);  // they do not read: one that was closed lingers
  EXPECT_EQ(world.shell().socket_count(SocketKind::client), many);
}

TEST_F(SeatsTest, show_tells_of_all_machines_and_of_each_thing_once) {
  post_takes = milliseconds(5);
  for (int i = 1; i <= 7; ++i) ask(client({.database = "db" + std::to_string(i)}), "select 'a'");
  sim::Client& root = admin();
  for (const char* command : {"show clients", "show servers", "show pools", "show stats"}) {
    const std::string answer = answer_to(root, command);
    for (int i = 1; i <= 7; ++i) {
      EXPECT_EQ(occurrences(answer, "db" + std::to_string(i)), 1u) << command;
    }
  }
  const std::string databases = answer_to(root, "show databases");
  EXPECT_EQ(occurrences(databases, "db7"), 2u) << "its name, and PostgreSQL's for it";
  EXPECT_EQ(occurrences(answer_to(root, "show users"), "ann"), 1u);
}

TEST_F(SeatsTest, show_names_the_machines_that_do_not_answer) {
  sim::Client& root = admin();
  post_takes = limits::gather_wait;
  root.say(sim::query("show pools"));
  world.run();
  world.advance(limits::gather_wait - milliseconds(1));
  EXPECT_EQ(root.heard(), "");
  world.advance(milliseconds(1));
  const std::string heard = root.heard();
  EXPECT_TRUE(heard.starts_with("N(00000") && heard.find(") T ") != std::string::npos) << heard;
  EXPECT_NE(world.shell()
                .records()
                .at(SocketId{SocketKind::client, 0, 1})
                .sent.find("no answer within 5 s from machine 1, 2, 3"),
            std::string::npos);
  settle();
  EXPECT_EQ(root.heard(), "") << "what they say later is for nobody";
}

TEST_F(SeatsTest, the_statistics_that_are_logged_name_the_machines_that_do_not_answer) {
  client();
  post_takes = limits::gather_wait;
  world.advance(world.settings.stats_period + limits::gather_wait);
  EXPECT_TRUE(world.shell().notes().back().text.ends_with(
      "no answer within 5 s from machine 1, 2, 3: what it has is not shown"))
      << world.shell().notes().back().text;
}

TEST_F(SeatsTest, reload_is_done_when_all_machines_go_by_it) {
  post_takes = milliseconds(5);
  sim::Client& root = admin();
  sim::Client& other = admin();
  Settings next = world.settings;
  next.databases.pop_back();
  world.shell().set_settings(next);
  root.say(sim::query("reload"));
  other.say(sim::query("reload"));
  world.run();
  EXPECT_EQ(root.heard() + other.heard(), "") << "the machines have not told each other yet";
  settle();
  EXPECT_EQ(root.heard() + other.heard(), "C(RELOAD) Z(I)C(RELOAD) Z(I)");
  EXPECT_EQ(client({.database = "db7"}).heard(), "E(3D000) EOF");
  world.shell().set_settings(std::nullopt);
  EXPECT_EQ(ask(root, "reload"), "E(F0000) Z(I)");
  EXPECT_EQ(ask(other, "show version").substr(0, 4), "T D(");
}

TEST_F(SeatsTest, draining_waits_for_all_and_tells_who_is_on_his_way) {
  post_takes = milliseconds(5);
  sim::Client& busy = client();
  ask(busy, "begin");
  sim::Client& late = world.connect();
  late.log_in({.database = "db5"});
  world.run();
  world.shell().command(event::Command::drain);
  world.run();
  settle();
  EXPECT_EQ(late.heard(), "E(57P03) EOF");
  EXPECT_FALSE(world.shell().exit_status().has_value());
  EXPECT_EQ(ask(busy, "commit"), "C(COMMIT) Z(I) E(57P01) EOF");
  settle();
  EXPECT_EQ(world.shell().exit_status(), 0);
}

}  // namespace
}  // namespace pgweir
