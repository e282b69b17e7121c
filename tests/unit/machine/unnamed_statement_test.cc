// The unnamed statement a server holds is its own client's, or nobody's.
#include "core/base/limits.h"
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

class UnnamedStatementTest : public Story {
 protected:
  // Leaves a statement of its own behind.
  void leave_statement() {
    sim::Client& other = world.client();
    world.ask(other, execute("insert others") + sim::sync());
  }
  std::string bind_and_run(sim::Client& client, const std::string& portal = "") {
    return world.ask(client, sim::bind(portal, "") + sim::execute(portal) + sim::sync());
  }
};

TEST_F(UnnamedStatementTest, of_another_client_is_out_of_reach) {
  leave_statement();
  sim::Client& client = world.client();
  EXPECT_EQ(bind_and_run(client), "E(26000) Z(I)");
  EXPECT_EQ(executed("insert others"), 1u);
}

TEST_F(UnnamedStatementTest, of_another_client_stays_out_of_reach_when_a_parse_was_skipped) {
  leave_statement();
  sim::Client& client = world.client();
  world.query(client, "begin");
  EXPECT_EQ(world.ask(client, sim::execute("nothing") + sim::parse("", "insert own") + sim::sync()),
            "E(34000) Z(E)");
  world.ask(client,
            sim::parse("", "rollback") + sim::bind("", "") + sim::execute("") + sim::sync());
  world.ask(client, sim::execute("nothing") + sim::parse("", "insert own") + sim::sync());
  bind_and_run(client);
  EXPECT_EQ(executed("insert others"), 1u);
}

TEST_F(UnnamedStatementTest, of_another_client_is_not_reached_by_a_skipped_parse_alone) {
  leave_statement();
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, sim::execute("nothing") + sim::parse("", "insert own") + sim::sync()),
            "E(34000) Z(I)");
  EXPECT_EQ(bind_and_run(client), "E(26000) Z(I)");
  EXPECT_EQ(executed("insert others"), 1u) << "a client ran another client's statement";
}

TEST_F(UnnamedStatementTest, of_another_client_is_not_reached_behind_a_long_portal_name) {
  leave_statement();
  sim::Client& client = world.client();
  const std::string portal(10'000, 'p');
  EXPECT_EQ(bind_and_run(client, portal), "E(42622) Z(I)");
  EXPECT_EQ(executed("insert others"), 1u);
}

TEST_F(UnnamedStatementTest, of_the_next_batch_survives_the_failure_of_the_one_before) {
  sim::Client& client = world.client();
  world.query(client, "begin");
  EXPECT_EQ(world.ask(client, sim::execute("nothing") + sim::sync() + sim::parse("", "rollback") +
                                  sim::flush()),
            "E(34000) Z(E) 1");
  EXPECT_EQ(bind_and_run(client), "2 C(ROLLBACK) Z(I)");
}

TEST_F(UnnamedStatementTest, outlives_its_sync) {
  sim::Client& client = world.client();
  EXPECT_EQ(
      world.ask(client, sim::parse("", "select 'own'") + sim::describe('S', "") + sim::sync()),
      "1 t T Z(I)");
  EXPECT_EQ(bind_and_run(client), "2 D(own) C(SELECT 1) Z(I)");
  EXPECT_EQ(executed("select 'own'"), 1u) << "nothing is prepared again where it still is";
}

TEST_F(UnnamedStatementTest, is_prepared_again_where_another_client_was) {
  sim::Client& client = world.client();
  world.ask(client, sim::parse("", "select 'own'") + sim::sync());
  leave_statement();
  EXPECT_EQ(world.ask(client, sim::describe('S', "") + sim::sync()), "t T Z(I)");
  EXPECT_EQ(bind_and_run(client), "2 D(own) C(SELECT 1) Z(I)");
  leave_statement();
  EXPECT_EQ(bind_and_run(client), "2 D(own) C(SELECT 1) Z(I)");
  EXPECT_EQ(executed("select 'own'"), 3u);
}

TEST_F(UnnamedStatementTest, follows_its_client_to_another_server) {
  world.settings.default_pool_size = 2;
  sim::Client& client = world.client();
  sim::Client& other = world.client();
  sim::Client& third = world.client();
  world.query(other, "begin");
  world.ask(client, sim::parse("", "select 'own'") + sim::sync());
  world.query(third, "begin");  // where the client was
  world.query(other, "commit");
  EXPECT_EQ(bind_and_run(client), "2 D(own) C(SELECT 1) Z(I)");
  EXPECT_EQ(executed("select 'own'"), 2u);
  world.query(third, "commit");
}

TEST_F(UnnamedStatementTest, is_kept_in_whatever_pieces_it_comes) {
  world.shell_options.cut = [](std::size_t) { return std::size_t{7}; };
  sim::Client& client = world.client();
  const std::string text = "select '" + std::string(9000, 'l') + "'";
  world.ask(client, sim::parse("", text) + sim::sync());
  leave_statement();
  EXPECT_EQ(bind_and_run(client), "2 D(9000 bytes) C(SELECT 1) Z(I)");
}

TEST_F(UnnamedStatementTest, of_which_the_next_replaces_the_one_before) {
  sim::Client& client = world.client();
  world.ask(client, sim::parse("", "select 'one'") + sim::sync());
  leave_statement();
  world.ask(client, sim::parse("", "select 'two'") + sim::sync());
  leave_statement();
  EXPECT_EQ(bind_and_run(client), "2 D(two) C(SELECT 1) Z(I)");
}

TEST_F(UnnamedStatementTest, that_an_older_server_still_has_is_not_taken_for_the_last_one) {
  world.settings.default_pool_size = 2;
  sim::Client& client = world.client();
  sim::Client& other = world.client();
  world.ask(client, sim::parse("", "select 'old'") + sim::sync());
  world.query(other, "begin");  // where that is
  world.ask(client, sim::parse("", "select 'new'") + sim::sync());
  sim::Client& third = world.client();
  world.query(third, "begin");  // where the new one is
  world.ask(other, sim::close('P', "") + sim::sync());
  EXPECT_EQ(world.query(other, "commit"), "C(COMMIT) Z(I)");
  EXPECT_EQ(bind_and_run(client), "2 D(new) C(SELECT 1) Z(I)");
  world.query(third, "commit");
}

TEST_F(UnnamedStatementTest, of_a_batch_that_failed_is_not_used_by_the_next_one) {
  leave_statement();
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, sim::execute("nothing") + sim::parse("", "insert own") + sim::sync() +
                                  sim::bind("", "") + sim::execute("") + sim::sync()),
            "E(34000) Z(I) E(26000) Z(I)");
  EXPECT_EQ(executed("insert others"), 1u) << "a client ran another client's statement";
}

TEST_F(UnnamedStatementTest, stays_when_what_would_replace_or_drop_it_is_skipped) {
  sim::Client& client = world.client();
  world.ask(client, sim::parse("", "select 'own'") + sim::sync());
  world.ask(client, sim::execute("nothing") + sim::close('S', "") + sim::parse("", "select 'x'") +
                        sim::query("select 1") + sim::sync());
  leave_statement();
  EXPECT_EQ(bind_and_run(client), "2 D(own) C(SELECT 1) Z(I)");
}

TEST_F(UnnamedStatementTest, is_dropped_by_a_simple_query_and_by_close) {
  sim::Client& client = world.client();
  world.ask(client, sim::parse("", "select 'own'") + sim::sync());
  world.query(client, "select 1");
  leave_statement();
  EXPECT_EQ(bind_and_run(client), "E(26000) Z(I)");
  world.ask(client, sim::parse("", "select 'own'") + sim::close('S', "") + sim::sync());
  leave_statement();
  EXPECT_EQ(bind_and_run(client), "E(26000) Z(I)");
}

TEST_F(UnnamedStatementTest, that_failed_is_none) {
  sim::Client& client = world.client();
  world.ask(client, sim::parse("", "select 'own'") + sim::sync());
  EXPECT_EQ(world.ask(client, sim::parse("", "syntax error") + sim::sync()), "E(42601) Z(I)");
  EXPECT_EQ(bind_and_run(client), "E(26000) Z(I)");
  leave_statement();
  EXPECT_EQ(bind_and_run(client), "E(26000) Z(I)");
}

TEST_F(UnnamedStatementTest, stays_where_it_could_not_be_prepared_again) {
  sim::Client& client = world.client();
  world.ask(client, sim::parse("begin", "begin") + sim::parse("rollback", "rollback") +
                        sim::parse("", "select 'own'") + sim::sync());
  leave_statement();
  const auto run = [&](std::string_view name) {
    return world.ask(client, sim::bind("", name) + sim::execute("") + sim::sync());
  };
  run("begin");
  EXPECT_EQ(world.ask(client, sim::execute("nothing") + sim::sync()), "E(34000) Z(E)");
  EXPECT_EQ(bind_and_run(client), "E(25P02) Z(E)");
  run("rollback");
  EXPECT_EQ(bind_and_run(client), "2 D(own) C(SELECT 1) Z(I)");
}

TEST_F(UnnamedStatementTest, that_is_too_long_to_be_kept_is_gone_and_the_error_says_so) {
  sim::Client& client = world.client();
  const std::string text = "select '" + std::string(limits::unnamed_statement_size_max, 'l') + "'";
  EXPECT_EQ(world.ask(client, sim::parse("", text) + sim::sync()), "1 Z(I)");
  leave_statement();
  EXPECT_EQ(bind_and_run(client), "E(26000) Z(I)");
  world.ask(client, sim::parse("", "select 'own'") + sim::sync());
  leave_statement();
  EXPECT_EQ(bind_and_run(client), "2 D(own) C(SELECT 1) Z(I)");
}

TEST_F(UnnamedStatementTest, as_long_as_an_insert_of_many_rows_follows_to_another_server) {
  sim::Client& client = world.client();
  const std::string value(200'000, 'l');
  EXPECT_EQ(world.ask(client, sim::parse("", "select '" + value + "'") + sim::sync()), "1 Z(I)");
  leave_statement();
  EXPECT_EQ(bind_and_run(client), "2 D(200000 bytes) C(SELECT 1) Z(I)");
}

TEST_F(UnnamedStatementTest, those_that_may_come_back_are_kept_within_a_bound) {
  sim::Client& client = world.client();
  const std::string parse = sim::parse("", "select '" + std::string(1u << 20, 'l') + "'");
  for (const int count : {2, 6}) {
    EXPECT_EQ(world.ask(client, parse + sim::sync()), "1 Z(I)");
    std::string skipped = sim::execute("nothing");
    for (int i = 0; i < count; ++i) skipped += parse;
    EXPECT_EQ(world.ask(client, skipped + sim::sync()), "E(34000) Z(I)");
    leave_statement();
    EXPECT_EQ(bind_and_run(client).starts_with("2 D("), count == 2) << count;
  }
}

TEST_F(UnnamedStatementTest, a_flush_with_a_body_ends_the_session_and_no_other) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, sim::parse("", "select 'a'") + sim::message('H', "x")),
            "E(08P01) EOF");
  sim::Client& next = world.client();
  EXPECT_EQ(world.query(next, "select 'next'"), "T D(next) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.shell().note_count(NoteKind::protocol_desync), 0u);
}

}  // namespace
}  // namespace pgweir
