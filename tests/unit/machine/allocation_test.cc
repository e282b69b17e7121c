// In the steady state a step allocates nothing, and what comes and goes leaves nothing behind.
#include "sim/core_memory.h"
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

std::size_t allocation_count() { return sim::core_memory().allocations; }

class AllocationTest : public Story {
 protected:
  void SetUp() override { world.shell_options.around_step = sim::count_core_memory; }

  // Allocations in all steps of so many rounds.
  std::size_t allocations(sim::Client& client, const std::string& script, int rounds) {
    const std::size_t before = allocation_count();
    for (int i = 0; i < rounds; ++i) world.ask(client, script);
    return allocation_count() - before;
  }
};

TEST_F(AllocationTest, a_login_allocates_or_nothing_is_counted) {
  const std::size_t before = allocation_count();
  world.client();
  EXPECT_GT(allocation_count(), before) << "the counter does not count: operator new is not ours";
}

TEST_F(AllocationTest, simple_queries_allocate_nothing) {
  sim::Client& client = world.client();
  const std::string script = sim::query("select 'a'");
  allocations(client, script, 100);
  EXPECT_EQ(allocations(client, script, 1000), 0u) << "a step on the hot path allocates";
}

TEST_F(AllocationTest, pipelines_and_transactions_allocate_nothing) {
  sim::Client& client = world.client();
  const std::string script = execute("select 'a'") + execute("select 'b'") + sim::sync() +
                             sim::query("begin") + sim::query("rows 100 100") +
                             sim::query("commit");
  allocations(client, script, 100);
  EXPECT_EQ(allocations(client, script, 300), 0u) << "a step on the hot path allocates";
}

TEST_F(AllocationTest, waiting_in_turn_allocates_nothing) {
  world.settings.handover_slack = std::chrono::milliseconds(1);
  sim::Client& a = world.client();
  sim::Client& b = world.client();
  const auto round = [&] {
    world.query(a, "begin");
    b.say(sim::query("select 'b'"));
    world.query(a, "commit");
  };
  for (int i = 0; i < 100; ++i) round();
  const std::size_t before = allocation_count();
  for (int i = 0; i < 300; ++i) round();
  EXPECT_EQ(allocation_count() - before, 0u) << "waiting for a server allocates";
}

// In one server's life: which queries it was asked, by whom, with which parameters.
TEST_F(AllocationTest, clients_that_come_and_go_leave_nothing_behind) {
  int number = 0;
  const auto come_and_go = [&] {
    sim::Client& client = world.client({.more = {{"application_name", std::to_string(++number)}}});
    world.ask(client, execute("select 'a'") + sim::sync() + sim::query("begin"));
    world.ask(client, sim::query("rollback") + sim::terminate());
  };
  for (int i = 0; i < 200; ++i) come_and_go();
  const std::size_t kept = sim::core_memory().bytes;
  for (int i = 0; i < 500; ++i) come_and_go();
  EXPECT_EQ(sim::core_memory().bytes, kept) << "bytes: something of each client is kept for ever";
}

}  // namespace
}  // namespace pgweir
