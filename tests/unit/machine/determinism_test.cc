// The same events in the same order make the same effects, byte for byte.
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

// A bit of everything, with two servers, failures and the passing of time.
std::uint64_t mixed_run(const std::string& difference) {
  sim::World world;
  world.settings.default_pool_size = 2;
  world.settings.idle_transaction_timeout = std::chrono::seconds(20);
  world.settings.auth_type = AuthType::scram_sha_256;
  world.add_user("ann", "secret");
  world.postgres.options().auth = sim::ServerOptions::Auth::scram;
  world.postgres.options().passwords["ann"] = "secret";
  const sim::LogIn right{.password = "secret"};
  sim::Client& a = world.client(right);
  sim::Client& b = world.client(right);
  sim::Client& c = world.client(right);
  world.client({.password = "wrong"});
  world.query(a, "begin; set TimeZone = UTC");
  world.query(b, "begin");
  world.query(c, "select '" + difference + "'");
  world.query(b, "rollback");
  world.ask(b, sim::parse("", "copy in") + sim::bind("", "") + sim::execute("") + sim::sync());
  world.ask(b, sim::copy_data("x") + sim::copy_done() + sim::sync());
  world.advance(std::chrono::seconds(30));
  world.query(c, "sleep");
  c.vanish();
  world.advance(std::chrono::seconds(30));
  world.postgres.end_all("57P01");
  world.query(b, "select 'again'");
  EXPECT_EQ(world.finish(), "");
  return world.shell().trace_hash();
}

TEST(DeterminismTest, the_same_run_twice_has_the_same_trace) {
  EXPECT_EQ(mixed_run("one"), mixed_run("one")) << "something in core depends on more than events";
}

TEST(DeterminismTest, another_run_has_another_trace) {
  EXPECT_NE(mixed_run("one"), mixed_run("two"));
}

}  // namespace
}  // namespace pgweir
