// The unnamed statement a server holds is its own client's, or nobody's.
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
