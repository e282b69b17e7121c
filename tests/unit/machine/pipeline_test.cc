// The extended protocol with unnamed statements.
#include "core/base/limits.h"
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

class PipelineTest : public Story {};

TEST_F(PipelineTest, parse_bind_describe_execute_sync) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, sim::parse("", "select 'a'") + sim::bind("", "") +
                                  sim::describe('P', "") + sim::execute("") + sim::sync()),
            "1 2 T D(a) C(SELECT 1) Z(I)");
}

TEST_F(PipelineTest, many_statements_before_one_sync_stay_on_one_server) {
  world.settings.default_pool_size = 2;
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, execute("select 'a'") + execute("select 'b'") + sim::sync()),
            "1 2 D(a) C(SELECT 1) 1 2 D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(PipelineTest, many_syncs_at_once_get_one_ready_each) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, execute("select 'a'") + sim::sync() + execute("error") + sim::sync() +
                                  sim::sync() + execute("select 'b'") + sim::sync()),
            "1 2 D(a) C(SELECT 1) Z(I) 1 2 E(22012) Z(I)*2 1 2 D(b) C(SELECT 1) Z(I)");
}

TEST_F(PipelineTest, a_sync_alone_is_answered) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, sim::sync()), "Z(I)");
}

TEST_F(PipelineTest, after_an_error_all_is_skipped_to_sync_a_query_too) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, execute("error") + execute("select 'b'") + sim::query("select 'c'") +
                                  sim::sync()),
            "1 2 E(22012) Z(I)");
  EXPECT_EQ(world.query(client, "select 'd'"), "T D(d) C(SELECT 1) Z(I)");
}

TEST_F(PipelineTest, an_error_at_bind_is_an_answer) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, execute("fail at bind") + sim::sync()), "1 E(22012) Z(I)");
  EXPECT_EQ(world.ask(client, execute("select 'a'") + sim::sync()), "1 2 D(a) C(SELECT 1) Z(I)");
}

TEST_F(PipelineTest, flush_brings_the_answers_before_sync) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, execute("select 'a'")), "");
  EXPECT_EQ(world.ask(client, sim::flush()), "1 2 D(a) C(SELECT 1)");
  sim::Client& other = world.client();
  EXPECT_EQ(world.query(other, "select 'b'"), "") << "the server left before its Sync";
  EXPECT_EQ(world.ask(client, sim::sync()), "Z(I)");
  EXPECT_EQ(other.heard(), "T D(b) C(SELECT 1) Z(I)");
}

// None of it reaches the server, which keeps what it has answered so far to itself.
TEST_F(PipelineTest, more_is_made_up_before_one_sync_than_may_be_owed) {
  std::string closes;
  for (std::size_t i = 0; i < limits::owed_replies_max; ++i) closes += sim::close('S', "x");
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, execute("select 'a'") + closes + sim::sync()),
            "1 2 D(a) C(SELECT 1) 3*10000 Z(I)");
}

TEST_F(PipelineTest, what_is_made_up_around_real_answers_comes_in_its_place) {
  std::string closes;
  for (int i = 0; i < 6000; ++i) closes += sim::close('S', "x");
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, execute("select 'a'") + closes + execute("select 'b'") + closes +
                                  sim::sync() + sim::query("select 'c'")),
            "1 2 D(a) C(SELECT 1) 3*6000 1 2 D(b) C(SELECT 1) 3*6000 Z(I) "
            "T D(c) C(SELECT 1) Z(I)");
}

TEST_F(PipelineTest, a_suspended_portal_goes_on_before_sync) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, sim::parse("", "rows 3 1") + sim::bind("", "") + sim::execute("", 2) +
                                  sim::flush()),
            "1 2 D(x)*2 s");
  EXPECT_EQ(world.ask(client, sim::execute("", 2) + sim::sync()), "D(x) C(SELECT 1) Z(I)");
}

TEST_F(PipelineTest, a_transaction_over_several_syncs) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, execute("begin") + sim::sync()), "1 2 C(BEGIN) Z(T)");
  EXPECT_EQ(world.ask(client, execute("error") + sim::sync()), "1 2 E(22012) Z(E)");
  EXPECT_EQ(world.ask(client, execute("rollback") + sim::sync()), "1 2 C(ROLLBACK) Z(I)");
}

TEST_F(PipelineTest, a_named_parse_that_is_not_kept_is_refused_at_its_place) {
  world.settings.max_prepared_statements = 0;
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, sim::parse("s1", "select 'named'") + sim::bind("", "s1") +
                                  sim::execute("") + sim::sync()),
            "E(0A000) Z(I)");
  EXPECT_EQ(world.ask(client, execute("select 'a'") + sim::parse("s1", "select 'named'") +
                                  execute("select 'b'") + sim::sync() + sim::query("select 'c'")),
            "1 2 D(a) C(SELECT 1) E(0A000) Z(I) T D(c) C(SELECT 1) Z(I)");
  EXPECT_EQ(executed("select 'named'"), 0u);
}

TEST_F(PipelineTest, a_refused_parse_in_a_transaction_leaves_it_to_its_client) {
  world.settings.max_prepared_statements = 0;
  sim::Client& client = world.client();
  world.query(client, "begin");
  const std::string heard = world.ask(client, sim::parse("s1", "select 'x'") + sim::sync());
  EXPECT_TRUE(heard == "E(0A000) Z(T)" || heard == "E(0A000) Z(E)") << heard;
  EXPECT_TRUE(world.query(client, "rollback").ends_with("Z(I)"));
}

TEST_F(PipelineTest, what_is_held_of_a_client_that_says_no_more_is_done) {
  sim::Client& client = world.client();
  world.query(client, "select 'before'");
  world.postgres.stall(true);
  world.ask(client, sim::parse("s", "select 'a'") + sim::sync() + sim::bind("", "s") +
                        sim::execute("") + sim::sync());  // held until it is known what s is
  client.finish();
  world.run();
  world.postgres.stall(false);
  world.run();
  EXPECT_EQ(client.heard(), "1 Z(I) 2 D(a) C(SELECT 1) Z(I) EOF");
}

TEST_F(PipelineTest, a_pipeline_a_byte_at_a_time) {
  world.shell_options.cut = [](std::size_t) { return std::size_t{1}; };
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, execute("select 'a'") + sim::sync() + sim::query("error") +
                                  execute("select 'b'") + sim::sync()),
            "1 2 D(a) C(SELECT 1) Z(I) E(22012) Z(I) 1 2 D(b) C(SELECT 1) Z(I)");
}

}  // namespace
}  // namespace pgweir
