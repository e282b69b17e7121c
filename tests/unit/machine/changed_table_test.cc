// Prepared statements whose tables change. Each is told once, and prepared anew; with
// retry_prepared_statements it is not told where pgweir can ask again.
#include "core/base/limits.h"
#include "tests/unit/machine/scripted_server.h"
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

class ChangedTableTest : public Story {
 protected:
  ChangedTableTest() {
    world.settings.retry_prepared_statements = true;
    world.settings.default_pool_size = 1;
  }

  static std::string prepare(std::string_view name) {
    return sim::parse(name, "select 'a'") + sim::sync();
  }
  static std::string run(std::string_view name) {
    return sim::bind("", name) + sim::execute("") + sim::sync();
  }
  static constexpr const char* row = "2 D(a) C(SELECT 1) Z(I)";
};

TEST_F(ChangedTableTest, is_told_once) {
  world.settings.retry_prepared_statements = false;
  sim::Client& client = world.client();
  world.ask(client, prepare("s1"));
  world.postgres.change_tables();
  EXPECT_EQ(world.ask(client, run("s1")), "E(0A000) Z(I)");
  EXPECT_EQ(world.ask(client, run("s1")), row);
  EXPECT_EQ(executed("select 'a'"), 2u);
}

// Servers remember what they prepared for longer than the clients that wanted it.
TEST_F(ChangedTableTest, is_told_once_though_it_was_prepared_when_somebody_else_was_told) {
  world.settings.retry_prepared_statements = false;
  world.settings.default_pool_size = 2;
  sim::Client& client = world.client();
  sim::Client& other = world.client();
  const auto run_at_the_second_server = [&] {
    world.query(other, "begin");
    const std::string heard = world.ask(client, run("s1"));
    world.query(other, "commit");
    return heard;
  };
  world.ask(client, prepare("s1"));
  world.postgres.change_tables();
  EXPECT_EQ(world.ask(client, run("s1")), "E(0A000) Z(I)");
  EXPECT_EQ(world.ask(client, run("s1")), row);
  EXPECT_EQ(run_at_the_second_server(), row);
  world.ask(client, sim::close('S', "s1") + sim::sync());  // nobody has it now, but both servers

  EXPECT_EQ(world.ask(client, prepare("s1")), "1 Z(I)");
  world.postgres.change_tables();
  EXPECT_EQ(world.ask(client, run("s1")), "E(0A000) Z(I)");
  EXPECT_EQ(run_at_the_second_server(), row);
}

TEST_F(ChangedTableTest, is_not_told_where_nothing_of_it_was_answered) {
  sim::Client& client = world.client();
  world.ask(client, prepare("s1"));
  for (int i = 0; i < 2; ++i) {
    world.postgres.change_tables();
    EXPECT_EQ(world.ask(client, run("s1")), row);
  }
  EXPECT_EQ(world.ask(client, run("s1")), row) << "nothing has changed since";
  EXPECT_EQ(executed("select 'a'"), 3u);
}

TEST_F(ChangedTableTest, is_told_where_it_fails_before_all_of_the_batch_is_there) {
  sim::Client& client = world.client();
  world.ask(client, prepare("s1"));
  const std::string bind = sim::bind("", "s1");
  const std::string all =
      bind + sim::describe('P', "") + sim::close('S', "nobody") + sim::execute("") + sim::sync();
  for (std::size_t cut = 1; cut < all.size(); ++cut) {
    world.ask(client, run("s1"));  // prepares it, where it was told before
    world.postgres.change_tables();
    const std::string before = world.ask(client, all.substr(0, cut));
    const std::string heard = before + world.ask(client, all.substr(cut));
    EXPECT_EQ(heard, cut < bind.size() ? "2 T 3 D(a) C(SELECT 1) Z(I)" : "E(0A000)Z(I)") << cut;
  }
}

TEST_F(ChangedTableTest, what_comes_unasked_meanwhile_is_told) {
  ScriptedServer server;
  world.settings.databases[0].port = 5433;
  world.shell().add_host(sim::ipv4(10, 0, 0, 1, 5433), server);
  sim::Client& client = world.client();
  const auto done = [](std::string_view tag) { return sim::message('C', sim::cstring(tag)); };
  const std::string ready = sim::message('Z', "I");
  world.ask(client, prepare("s1"));
  server.say(sim::message('1') + ready);
  world.run();
  world.ask(client, run("s1"));
  server.heard();
  server.say(sim::error_response("ERROR", "0A000", sim::old_plan_text) +
             sim::message('A', sim::int32(7) + sim::cstring("jobs") + sim::cstring("one")) + ready);
  world.run();
  EXPECT_EQ(client.heard(), "A(jobs|one)");
  EXPECT_EQ(server.heard(), "CPBES");
  server.say(sim::message('3') + sim::message('1') + sim::message('2') + done("SELECT 0") + ready);
  world.run();
  EXPECT_EQ(client.heard(), "2 C(SELECT 0) Z(I)");
}

TEST_F(ChangedTableTest, is_told_in_a_transaction) {
  sim::Client& client = world.client();
  world.ask(client, prepare("s1"));
  world.postgres.change_tables();
  EXPECT_EQ(world.query(client, "begin"), "C(BEGIN) Z(T)");
  EXPECT_EQ(world.ask(client, run("s1")), "E(0A000) Z(E)");
  EXPECT_EQ(world.query(client, "rollback"), "C(ROLLBACK) Z(I)");
  EXPECT_EQ(world.ask(client, run("s1")), row);
}

TEST_F(ChangedTableTest, is_told_where_something_was_answered) {
  sim::Client& client = world.client();
  world.ask(client, prepare("s1"));
  world.postgres.change_tables();
  EXPECT_EQ(world.ask(client, execute("select 'b'") + run("s1")),
            "1 2 D(b) C(SELECT 1) E(0A000) Z(I)");
  EXPECT_EQ(world.ask(client, sim::describe('S', "s1") + sim::sync()), "t T Z(I)");
  world.postgres.change_tables();
  EXPECT_EQ(world.ask(client, sim::describe('S', "s1") + sim::sync()), "t E(0A000) Z(I)");
  EXPECT_EQ(world.ask(client, run("s1")), row);
}

TEST_F(ChangedTableTest, is_told_where_more_was_asked_already) {
  sim::Client& client = world.client();
  world.ask(client, prepare("s1"));
  world.postgres.change_tables();
  EXPECT_EQ(world.ask(client, run("s1") + sim::query("select 'b'")),
            "E(0A000) Z(I) T D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.ask(client, run("s1")), row);
}

TEST_F(ChangedTableTest, is_told_where_the_batch_is_long) {
  sim::Client& client = world.client();
  world.ask(client, prepare("s1"));
  world.postgres.change_tables();
  const std::string text = "select '" + std::string(limits::unanswered_batch_size_max, 'x') + "'";
  EXPECT_EQ(world.ask(client, sim::bind("", "s1") + sim::parse("", text) + sim::sync()),
            "E(0A000) Z(I)");
}

TEST_F(ChangedTableTest, its_flush_is_answered_at_once) {
  sim::Client& client = world.client();
  world.ask(client, prepare("s1"));
  world.postgres.change_tables();
  EXPECT_EQ(world.ask(client, sim::bind("", "s1") + sim::execute("") + sim::flush()), "E(0A000)")
      << "its client may wait for this before it says Sync";
  EXPECT_EQ(world.ask(client, sim::sync()), "Z(I)");
}

TEST_F(ChangedTableTest, what_was_deallocated_behind_its_back_is_prepared_again) {
  sim::Client& client = world.client();
  world.ask(client, prepare("s1"));
  world.postgres.forget_prepared();  // as a function may do
  EXPECT_EQ(world.ask(client, run("s1")), row);
  world.settings.retry_prepared_statements = false;
  world.shell().set_settings(world.settings);
  world.shell().command(event::Command::reload);
  world.run();
  world.postgres.forget_prepared();
  EXPECT_EQ(world.ask(client, run("s1")), "E(26000) Z(I)");
  EXPECT_EQ(world.ask(client, run("s1")), row);
}

TEST_F(ChangedTableTest, another_statement_in_the_batch_is_prepared_once) {
  sim::Client& client = world.client();
  world.ask(client, prepare("s1"));
  world.postgres.change_tables();
  EXPECT_EQ(world.ask(client, sim::bind("", "s1") + sim::parse("s2", "select 'b'") +
                                  sim::bind("", "s2") + sim::execute("") + sim::sync()),
            "2 1 2 D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.ask(client, run("s2")), "2 D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.ask(client, run("s1")), row);
}

}  // namespace
}  // namespace pgweir
