// Prepared statements by name, of clients that share their servers.
#include "core/base/limits.h"
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

class NamedStatementTest : public Story {
 protected:
  static std::string prepare(std::string_view name, std::string_view sql) {
    return sim::parse(name, sql) + sim::describe('S', name) + sim::sync();
  }
  static std::string run(std::string_view name) {
    return sim::bind("", name) + sim::execute("") + sim::sync();
  }
  static bool ends_with(const std::string& text, std::string_view end) {
    return text.ends_with(end);
  }
  // How often the server was asked to prepare exactly this.
  std::size_t prepared(const std::string& sql) const { return executed(sql); }
};

TEST_F(NamedStatementTest, is_prepared_and_used) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, prepare("s1", "select 'a'")), "1 t T Z(I)");
  EXPECT_EQ(world.ask(client, run("s1")), "2 D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.ask(client, run("s1") + run("s1")),
            "2 D(a) C(SELECT 1) Z(I) 2 D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(prepared("select 'a'"), 1u);
}

TEST_F(NamedStatementTest, follows_its_client_to_another_server) {
  world.settings.default_pool_size = 2;
  sim::Client& client = world.client();
  sim::Client& other = world.client();
  world.query(other, "begin");  // on the first server
  world.ask(client, prepare("s1", "select 'a'"));
  world.query(client, "begin");  // on the second
  world.query(other, "commit");
  sim::Client& third = world.client();
  world.query(third, "begin");  // on the first again
  world.query(client, "commit");
  world.query(other, "begin");  // now the second is taken
  world.query(third, "commit");
  EXPECT_EQ(world.ask(client, run("s1")), "2 D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(prepared("select 'a'"), 2u) << "once on each server";
  world.query(other, "commit");
}

TEST_F(NamedStatementTest, names_of_two_clients_do_not_clash) {
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  world.ask(ann, prepare("s1", "select 'a'"));
  world.ask(bob, prepare("s1", "select 'b'"));
  EXPECT_EQ(world.ask(ann, run("s1")), "2 D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.ask(bob, run("s1")), "2 D(b) C(SELECT 1) Z(I)");
}

TEST_F(NamedStatementTest, the_same_text_is_prepared_once_for_all) {
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  world.ask(ann, prepare("mine", "select 'a'"));
  EXPECT_EQ(world.ask(bob, prepare("yours", "select 'a'")), "1 t T Z(I)");
  EXPECT_EQ(world.ask(bob, run("yours")), "2 D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(prepared("select 'a'"), 1u);
}

// What PostgreSQL has read a text by is the last column of a proof.
TEST_F(NamedStatementTest, is_not_shared_by_those_whose_texts_are_read_otherwise) {
  sim::Client& ann = world.client({.more = {{"TimeZone", "GMT"}}});
  sim::Client& bob = world.client({.more = {{"TimeZone", "UTC"}}});
  world.ask(ann, prepare("mine", "proof 1 0"));
  EXPECT_EQ(world.ask(bob, prepare("yours", "proof 1 0")), "1 t T Z(I)");
  EXPECT_PRED2(ends_with, world.ask(bob, run("yours")), "|TimeZone=UTC) C(SELECT 1) Z(I)");
  EXPECT_PRED2(ends_with, world.ask(ann, run("mine")), "|TimeZone=GMT) C(SELECT 1) Z(I)");
  EXPECT_EQ(prepared("proof 1 0"), 2u);
}

TEST_F(NamedStatementTest, is_read_anew_by_what_its_client_has_set_since) {
  sim::Client& ann = world.client();
  sim::Client& bob = world.client();
  world.ask(ann, prepare("mine", "proof 1 0"));
  world.ask(bob, prepare("yours", "proof 1 0"));
  world.query(ann, "set TimeZone = 'UTC'");
  EXPECT_PRED2(ends_with, world.ask(ann, run("mine")), "|TimeZone=UTC) C(SELECT 1) Z(I)");
  EXPECT_PRED2(ends_with, world.ask(bob, run("yours")), "|) C(SELECT 1) Z(I)");
  world.query(ann, "set TimeZone = 'Etc/UTC'");
  EXPECT_PRED2(ends_with, world.ask(ann, run("mine")), "|) C(SELECT 1) Z(I)");
  EXPECT_EQ(prepared("proof 1 0"), 2u) << "each once";
}

// Nobody knows yet by what it is read, when it is sent.
TEST_F(NamedStatementTest, that_is_pipelined_behind_a_setting_is_left_to_nobody) {
  for (const char* const around : {"set TimeZone = 'UTC'", "set local TimeZone = 'UTC'"}) {
    sim::Client& ann = world.client();
    sim::Client& bob = world.client();
    world.ask(ann, execute("begin") + execute(around) + sim::parse("mine", "proof 1 0") +
                       execute("commit") + sim::sync());
    world.ask(bob, prepare("yours", "proof 1 0"));
    EXPECT_PRED2(ends_with, world.ask(bob, run("yours")), "|) C(SELECT 1) Z(I)") << around;
  }
}

TEST_F(NamedStatementTest, made_up_answers_stand_in_their_place) {
  sim::Client& ann = world.client();
  world.ask(ann, prepare("s1", "select 'a'"));
  EXPECT_EQ(world.ask(ann, execute("select 'x'") + sim::parse("s2", "select 'a'") +
                               sim::close('S', "s1") + execute("select 'y'") + sim::sync()),
            "1 2 D(x) C(SELECT 1) 1 3 1 2 D(y) C(SELECT 1) Z(I)");
}

TEST_F(NamedStatementTest, a_name_that_is_taken_is_refused) {
  sim::Client& client = world.client();
  world.ask(client, prepare("s1", "select 'a'"));
  EXPECT_EQ(world.ask(client, prepare("s1", "select 'b'")), "E(42P05) Z(I)");
  EXPECT_EQ(world.ask(client, run("s1")), "2 D(a) C(SELECT 1) Z(I)");
}

TEST_F(NamedStatementTest, a_name_that_stands_for_nothing_is_refused) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, run("s1")), "E(26000) Z(I)");
  EXPECT_NE(client.error_text().find("prepared statement \"s1\" does not exist"), std::string::npos)
      << client.error_text();
  EXPECT_EQ(world.ask(client, sim::describe('S', "s1") + sim::sync()), "E(26000) Z(I)");
}

TEST_F(NamedStatementTest, close_frees_the_name_and_succeeds_for_any) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, sim::close('S', "s1") + sim::sync()), "3 Z(I)");
  world.ask(client, prepare("s1", "select 'a'"));
  EXPECT_EQ(world.ask(client, sim::close('S', "s1") + sim::parse("s1", "select 'b'") +
                                  sim::bind("", "s1") + sim::execute("") + sim::sync()),
            "3 1 2 D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.ask(client, run("s1")), "2 D(b) C(SELECT 1) Z(I)");
}

TEST_F(NamedStatementTest, a_failed_parse_leaves_the_name_free) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, prepare("s1", "no such statement")), "E(42601) Z(I)");
  EXPECT_EQ(world.ask(client, run("s1")), "E(26000) Z(I)");
  EXPECT_EQ(world.ask(client, prepare("s1", "select 'a'")), "1 t T Z(I)");
}

TEST_F(NamedStatementTest, what_a_failure_skips_does_not_happen) {
  sim::Client& client = world.client();
  world.ask(client, prepare("s1", "select 'a'"));
  EXPECT_EQ(world.ask(client, execute("error") + sim::close('S', "s1") +
                                  sim::parse("s2", "select 'b'") + sim::sync()),
            "1 2 E(22012) Z(I)");
  EXPECT_EQ(world.ask(client, run("s1")), "2 D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.ask(client, run("s2")), "E(26000) Z(I)");
}

TEST_F(NamedStatementTest, the_next_batch_knows_whether_the_one_before_failed) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, execute("error") + sim::parse("s1", "select 'a'") + sim::sync() +
                                  sim::parse("s1", "select 'b'") + sim::sync() + run("s1")),
            "1 2 E(22012) Z(I) 1 Z(I) 2 D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.ask(client, execute("error") + sim::close('S', "s1") + sim::sync() + run("s1")),
            "1 2 E(22012) Z(I) 2 D(b) C(SELECT 1) Z(I)");
}

TEST_F(NamedStatementTest, of_a_server_that_has_too_many_the_one_not_used_for_longest_goes) {
  world.settings.max_prepared_statements = 2;
  sim::Client& client = world.client();
  world.ask(client, prepare("s1", "select 'a'"));
  world.ask(client, prepare("s2", "select 'b'"));
  world.ask(client, run("s1"));
  world.ask(client, prepare("s3", "select 'c'"));
  EXPECT_EQ(world.ask(client, run("s1")), "2 D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(prepared("select 'a'"), 1u);
  EXPECT_EQ(world.ask(client, run("s2") + run("s3") + run("s1")),
            "2 D(b) C(SELECT 1) Z(I) 2 D(c) C(SELECT 1) Z(I) 2 D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(prepared("select 'b'"), 2u);
}

TEST_F(NamedStatementTest, what_was_to_go_and_was_skipped_is_still_there) {
  world.settings.max_prepared_statements = 1;
  sim::Client& client = world.client();
  world.ask(client, prepare("s1", "select 'a'"));
  EXPECT_EQ(world.ask(client, execute("error") + sim::parse("s2", "select 'b'") + sim::sync()),
            "1 2 E(22012) Z(I)");
  EXPECT_EQ(world.ask(client, run("s1")), "2 D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(prepared("select 'a'"), 1u);
}

TEST_F(NamedStatementTest, in_a_failed_transaction_the_server_refuses_it) {
  sim::Client& client = world.client();
  world.ask(client, prepare("s1", "select 'a'"));
  world.query(client, "begin");
  world.query(client, "error");
  EXPECT_EQ(world.ask(client, prepare("s2", "select 'a'")), "E(25P02) Z(E)");
  EXPECT_EQ(world.ask(client, run("s1")), "E(25P02) Z(E)");
  EXPECT_EQ(world.ask(client, prepare("end", "rollback") + run("end")),
            "1 t n Z(E) 2 C(ROLLBACK) Z(I)");
  EXPECT_EQ(world.ask(client, run("s1")), "2 D(a) C(SELECT 1) Z(I)");
}

TEST_F(NamedStatementTest, an_injected_parse_that_fails_is_the_clients_error) {
  world.settings.default_pool_size = 2;
  sim::Client& client = world.client();
  world.ask(client, prepare("s1", "select 'a'"));
  sim::Client& other = world.client();
  world.query(other, "begin");
  world.query(client, "begin");
  world.query(client, "error");
  // In this transaction it cannot be prepared on a server that does not have it.
  EXPECT_EQ(world.ask(client, run("s1")), "E(25P02) Z(E)");
  world.query(client, "rollback");
  EXPECT_EQ(world.ask(client, run("s1")), "2 D(a) C(SELECT 1) Z(I)");
  world.query(other, "commit");
}

TEST_F(NamedStatementTest, one_that_somebody_deallocated_is_prepared_anew) {
  sim::Client& client = world.client();
  world.ask(client, prepare("s1", "select 'a'"));
  // How far it came before it failed is not known.
  EXPECT_EQ(world.query(client, "deallocate all; error"), "C(DEALLOCATE ALL) E(22012) Z(I)");
  EXPECT_EQ(world.ask(client, run("s1")), "2 D(a) C(SELECT 1) Z(I)");
}

TEST_F(NamedStatementTest, is_read_in_whatever_pieces_it_comes) {
  world.shell_options.cut = [](std::size_t) { return std::size_t{1}; };
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, prepare("s1", "select 'a'") + run("s1") + sim::close('S', "s1") +
                                  sim::sync() + run("s1")),
            "1 t T Z(I) 2 D(a) C(SELECT 1) Z(I) 3 Z(I) E(26000) Z(I)");
}

TEST_F(NamedStatementTest, one_that_is_too_long_is_refused) {
  sim::Client& client = world.client();
  const std::string text = "select '" + std::string(limits::statement_size_max, 'x') + "'";
  EXPECT_EQ(world.ask(client, prepare("s1", text)), "E(54000) Z(I)");
  EXPECT_EQ(world.ask(client, prepare(std::string(5000, 's'), "select 'a'")), "E(42622) Z(I)");
  EXPECT_EQ(world.query(client, "select 'b'"), "T D(b) C(SELECT 1) Z(I)");
}

TEST_F(NamedStatementTest, goes_along_when_a_server_changes_machines) {
  world.machine_count = 2;
  world.settings.default_pool_size = 8;
  world.settings.databases[0].max_db_connections = 1;
  world.settings.handover_slack = {};
  sim::Client& here = world.client();
  sim::Client& there = world.client();
  for (int i = 0; i < 3; ++i) {
    for (sim::Client* client : {&here, &there}) {
      world.ask(*client, prepare("s" + std::to_string(i), "select 'a'"));
      world.advance(std::chrono::milliseconds(5));
      client->heard();
    }
  }
  EXPECT_EQ(prepared("select 'a'"), 1u) << "the other machine does not know that the server has it";
}

TEST_F(NamedStatementTest, that_would_take_too_much_of_pgweir_is_refused) {
  sim::Client& client = world.client();
  const std::string text = "select '" + std::string(limits::statement_size_max / 2, 'l') + "'";
  std::size_t count = 0;
  std::string answer = "1 Z(I)";
  while (answer == "1 Z(I)" && count < 100) {
    answer = world.ask(client, sim::parse("s" + std::to_string(count++), text) + sim::sync());
  }
  EXPECT_EQ(answer, "E(54000) Z(I)");
  EXPECT_EQ(count, limits::client_statements_size_max / text.size() + 1);
  EXPECT_EQ(world.ask(client, sim::close('S', "s0") + sim::sync() + sim::parse("again", text) +
                                  sim::sync()),
            "3 Z(I) 1 Z(I)");
}

// What goes on where it should end is never read as a message of its own.
TEST_F(NamedStatementTest, a_message_that_goes_on_behind_its_name_is_one_message) {
  const std::string smuggled = sim::query("select 'smuggled'");
  for (const char type : {'D', 'C', 'P'}) {
    for (const std::size_t filler : {0, 100, 1023, 2048, 5000}) {
      sim::Client& ann = world.client();
      world.ask(ann, prepare("s1", "select 'a'"));
      std::string body = type == 'D' || type == 'C' ? "S" : "";
      body += type == 'P' ? "s2" : "s1";
      body += '\0' + std::string(filler, '\0');
      const std::string message = sim::message(type, body + smuggled);
      // Where it is cut decides how much of it is seen at once.
      ann.say(message.substr(0, message.size() - smuggled.size()));
      world.run();
      ann.say(smuggled + sim::sync());
      world.run();
      EXPECT_EQ(ann.heard(), "E(08P01) Z(I)") << type << ' ' << filler;
      EXPECT_EQ(world.query(world.client(), "select 'b'"), "T D(b) C(SELECT 1) Z(I)");
    }
  }
  EXPECT_EQ(executed("select 'smuggled'"), 0u);
}

}  // namespace
}  // namespace pgweir
