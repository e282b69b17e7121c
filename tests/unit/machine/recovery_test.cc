// A server whose client was lost goes back to its pool only when it is provably clean.
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

class RecoveryTest : public Story {};

TEST_F(RecoveryTest, an_open_transaction_is_rolled_back_and_the_server_kept) {
  sim::Client& client = world.client();
  world.query(client, "begin");
  client.vanish();
  world.run();
  EXPECT_EQ(executed("ROLLBACK"), 1u);
  EXPECT_EQ(world.postgres.session_count(), 1u);
  EXPECT_EQ(world.shell().note_count(NoteKind::server_recovered), 1u);
}

TEST_F(RecoveryTest, what_is_still_coming_is_drained) {
  sim::Client& client = world.client();
  world.query(client, "sleep; rows 100 1000");
  client.vanish();
  world.run();
  world.postgres.wake_sleepers();
  world.run();
  EXPECT_EQ(world.shell().note_count(NoteKind::server_recovered), 1u);
  sim::Client& next = world.client();
  EXPECT_EQ(world.query(next, "select 'next'"), "T D(next) C(SELECT 1) Z(I)");
}

TEST_F(RecoveryTest, a_statement_that_does_not_end_is_cancelled) {
  sim::Client& client = world.client();
  world.query(client, "begin; sleep");
  client.vanish();
  world.advance(std::chrono::seconds(10));
  EXPECT_EQ(world.shell().note_count(NoteKind::cancel_sent), 1u);
  EXPECT_EQ(world.postgres.login_count(), 1u);
  sim::Client& next = world.client();
  EXPECT_EQ(world.query(next, "select 'next'"), "T D(next) C(SELECT 1) Z(I)");
}

TEST_F(RecoveryTest, a_server_that_does_not_become_clean_is_closed) {
  sim::Client& client = world.client();
  world.query(client, "sleep");
  world.postgres.stall(true);
  client.vanish();
  world.advance(std::chrono::seconds(20));
  EXPECT_EQ(world.shell().note_count(NoteKind::server_closed), 1u);
  world.postgres.stall(false);
  world.postgres.wake_sleepers();
  sim::Client& next = world.client();
  EXPECT_EQ(world.query(next, "select 'next'"), "T D(next) C(SELECT 1) Z(I)");
}

TEST_F(RecoveryTest, an_endless_answer_is_not_drained) {
  sim::Client& client = world.client();
  client.read(false);
  world.query(client, "rows 40000 1000");
  client.vanish();
  world.advance(std::chrono::seconds(10));
  EXPECT_EQ(world.shell().note_count(NoteKind::server_recovered), 0u);
  EXPECT_EQ(world.shell().note_count(NoteKind::server_closed), 1u);
}

TEST_F(RecoveryTest, nobody_gets_the_server_before_it_is_clean) {
  sim::Client& client = world.client();
  sim::Client& next = world.client();
  world.query(client, "begin; sleep");
  world.query(next, "select 'next'");
  client.vanish();
  world.run();
  EXPECT_EQ(next.heard(), "");
  world.postgres.wake_sleepers();
  world.run();
  EXPECT_EQ(next.heard(), "T D(next) C(SELECT 1) Z(I)");
}

}  // namespace
}  // namespace pgweir
