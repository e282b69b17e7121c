// However the same bytes are cut, the machine does the same: the same bytes on every socket, and
// the same state when all is quiet. The feeder obeys StopReading (sim/shell.h tells its order).
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "sim/world.h"

namespace pgweir {
namespace {

std::string execute(std::string_view sql) {
  return sim::parse("", sql) + sim::bind("", "") + sim::execute("");
}

// What a client may say in one go; each leaves it outside of a transaction.
std::vector<std::string> all_scripts() {
  return {
      sim::query("select 'a'"),
      sim::query(""),
      sim::query("select 'a'; error; select 'b'"),
      sim::query("rows 200 100"),
      sim::query("set TimeZone = UTC"),
      sim::query("begin") + sim::query("select 'in'") + sim::query("commit"),
      sim::query("begin; error") + sim::query("select 'no'") + sim::query("rollback"),
      execute("select 'a'") + sim::sync(),
      execute("select 'a'") + execute("error") + execute("select 'b'") + sim::sync(),
      execute("fail at bind") + sim::query("select 'skipped'") + sim::sync(),
      execute("select 'a'") + sim::flush() + execute("select 'b'") + sim::sync() + sim::sync(),
      sim::parse("", "rows 5 10") + sim::describe('S', "") + sim::bind("", "") +
          sim::describe('P', "") + sim::execute("", 2) + sim::execute("", 0) + sim::sync(),
      sim::close('P', "") + sim::sync(),
      sim::query("copy out 20"),
      sim::query("copy in") + sim::copy_data("one") + sim::copy_data("two") + sim::copy_done(),
      sim::query("copy in fail") + sim::copy_data("one") + sim::copy_done(),
      sim::query("copy in") + sim::copy_fail("no"),
      execute("copy in") + sim::sync() + sim::copy_data("one") + sim::copy_done() + sim::sync(),
      sim::parse("named", "select 'n'") + sim::bind("", "named") + sim::execute("") + sim::sync(),
      execute("select 'a'") + sim::parse("named", "select 'n'") + execute("select 'b'") +
          sim::sync() + sim::query("select 'c'"),
      sim::query("select '" + std::string(9000, 'l') + "'"),
  };
}

struct Plan {
  int server_count;
  int client_count;
  // Who says what, in this order; said at once, without waiting for answers, while together.
  std::vector<std::pair<int, int>> turns;
  bool together;
};

struct Seen {
  std::map<SocketId, sim::Shell::Record> records;
  std::uint64_t fingerprint;
  std::string complaints;
};

Seen play(const Plan& plan, std::function<std::size_t(std::size_t)> cut) {
  const std::vector<std::string> scripts = all_scripts();
  sim::World world;
  world.settings.default_pool_size = plan.server_count;
  world.shell_options.cut = std::move(cut);
  std::vector<sim::Client*> clients;
  for (int i = 0; i < plan.client_count; ++i) {
    clients.push_back(&world.connect());
    clients.back()->log_in({.more = {{"application_name", "client " + std::to_string(i)}}});
    // One after the other: who of two is first let in, and so first served, is a matter of which
    // bytes of theirs had come by then.
    world.run();
  }
  for (const auto& [client, script] : plan.turns) {
    clients[static_cast<std::size_t>(client)]->say(scripts[static_cast<std::size_t>(script)]);
    if (!plan.together) world.run();
  }
  world.run();
  return {world.shell().records(), world.machine().fingerprint(), world.complaints()};
}

Plan any_plan() {
  const int script_count = static_cast<int>(all_scripts().size());
  Plan plan;
  plan.server_count = *rc::gen::inRange(1, 3);
  plan.client_count = *rc::gen::inRange(1, 5);
  plan.together = *rc::gen::arbitrary<bool>();
  plan.turns = *rc::gen::container<std::vector<std::pair<int, int>>>(
      rc::gen::pair(rc::gen::inRange(0, plan.client_count), rc::gen::inRange(0, script_count)));
  return plan;
}

void compare(const Seen& whole, const Seen& cut) {
  RC_ASSERT(whole.complaints == "");
  RC_ASSERT(cut.complaints == "");
  RC_ASSERT(whole.records.size() == cut.records.size());
  for (const auto& [socket, record] : whole.records) {
    const auto found = cut.records.find(socket);
    RC_ASSERT(found != cut.records.end());
    RC_ASSERT(record.received == found->second.received);
    RC_ASSERT(record.sent == found->second.sent);
  }
  RC_ASSERT(whole.fingerprint == cut.fingerprint);
}

TEST(SplitProperty, one_byte_at_a_time_is_the_same_as_whole) {
  const bool holds = rc::check("one byte at a time", [] {
    const Plan plan = any_plan();
    compare(play(plan, {}), play(plan, [](std::size_t) { return std::size_t{1}; }));
  });
  EXPECT_TRUE(holds) << "replay it with RC_PARAMS as printed above";
}

TEST(SplitProperty, any_cut_is_the_same_as_whole) {
  const bool holds = rc::check("any cut", [] {
    const Plan plan = any_plan();
    auto sizes = *rc::gen::nonEmpty(
        rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(1, 40)));
    std::size_t next = 0;
    compare(play(plan, {}), play(plan, [sizes, next](std::size_t) mutable {
              return sizes[next++ % sizes.size()];
            }));
  });
  EXPECT_TRUE(holds) << "replay it with RC_PARAMS as printed above";
}

}  // namespace
}  // namespace pgweir
