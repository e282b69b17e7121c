// COPY both ways (PostgreSQL: "COPY Operations"), with the facts that poolers fall over.
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

class CopyTest : public Story {
 protected:
  void expect_still_good(sim::Client& client) {
    EXPECT_EQ(world.query(client, "select 'good'"), "T D(good) C(SELECT 1) Z(I)");
    sim::Client& other = world.client();
    EXPECT_EQ(world.query(other, "select 'free'"), "T D(free) C(SELECT 1) Z(I)");
  }
};

TEST_F(CopyTest, out) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.query(client, "copy out 3"), "H d(7 bytes)*3 c C(COPY 3) Z(I)");
  EXPECT_EQ(world.ask(client, execute("copy out 3") + sim::sync()),
            "1 2 H d(7 bytes)*3 c C(COPY 3) Z(I)");
  expect_still_good(client);
}

TEST_F(CopyTest, in) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.query(client, "copy in"), "G");
  EXPECT_EQ(world.ask(client, sim::copy_data("one")), "");
  EXPECT_EQ(world.ask(client, sim::copy_data("two") + sim::copy_done()), "C(COPY 2) Z(I)");
  expect_still_good(client);
}

TEST_F(CopyTest, in_all_at_once) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, sim::query("copy in") + sim::copy_data("one") + sim::copy_done() +
                                  sim::query("select 'a'")),
            "G C(COPY 1) Z(I) T D(a) C(SELECT 1) Z(I)");
}

TEST_F(CopyTest, in_by_execute_where_the_sync_right_behind_is_ignored) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, execute("copy in") + sim::sync()), "1 2 G");
  EXPECT_EQ(world.ask(client, sim::copy_data("one") + sim::copy_done() + sim::sync()),
            "C(COPY 1) Z(I)");
  expect_still_good(client);
}

TEST_F(CopyTest, in_that_the_server_fails_drops_what_comes_late) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.query(client, "copy in fail"), "G");
  EXPECT_EQ(world.ask(client, sim::copy_data("one")), "E(22P04) Z(I)");
  EXPECT_EQ(world.ask(client, sim::copy_data("two") + sim::copy_done()), "");
  expect_still_good(client);
}

TEST_F(CopyTest, in_by_execute_that_the_server_fails_skips_to_sync) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, execute("copy in fail") + sim::flush()), "1 2 G");
  EXPECT_EQ(world.ask(client, sim::copy_data("one") + sim::copy_data("two")), "E(22P04)");
  EXPECT_EQ(world.ask(client, sim::copy_done() + sim::sync()), "Z(I)");
  expect_still_good(client);
}

TEST_F(CopyTest, in_that_the_client_fails) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, sim::query("copy in") + sim::copy_fail("changed my mind")),
            "G E(57014) Z(I)");
  expect_still_good(client);
}

TEST_F(CopyTest, a_query_inside_ends_the_session_as_postgresql_does) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.query(client, "copy in"), "G");
  const std::string heard = world.query(client, "select 'a'");
  EXPECT_TRUE(heard.starts_with("E(08P01)") && heard.ends_with("EOF")) << heard;
  sim::Client& other = world.client();
  EXPECT_EQ(world.query(other, "select 'free'"), "T D(free) C(SELECT 1) Z(I)");
}

TEST_F(CopyTest, much_in_and_much_out_with_narrow_pipes) {
  world.shell_options.pipe_capacity = 30'000;
  sim::Client& client = world.client();
  std::string script = sim::query("copy in");
  for (int i = 0; i < 500; ++i) script += sim::copy_data(std::string(10'000, 'd'));
  EXPECT_EQ(world.ask(client, script + sim::copy_done()), "G C(COPY 500) Z(I)");
  EXPECT_TRUE(world.query(client, "copy out 100000").ends_with("c C(COPY 100000) Z(I)"));
  expect_still_good(client);
}

TEST_F(CopyTest, in_to_a_server_that_does_not_read_holds_its_client) {
  world.shell_options.pipe_capacity = 10'000;
  sim::Client& client = world.client();
  world.query(client, "copy in");
  world.postgres.stall(true);
  std::string script;
  for (int i = 0; i < 1000; ++i) script += sim::copy_data(std::string(10'000, 'd'));
  world.ask(client, script);
  std::size_t received = 0;
  for (const auto& [socket, record] : world.shell().records()) {
    if (socket.kind == SocketKind::client) received += record.received.size();
  }
  EXPECT_LT(received, 400'000u) << "the client was read although its server does not read";
  world.postgres.stall(false);
  EXPECT_EQ(world.ask(client, sim::copy_done()), "C(COPY 1000) Z(I)");
}

TEST_F(CopyTest, inside_a_transaction) {
  sim::Client& client = world.client();
  world.query(client, "begin");
  EXPECT_EQ(world.ask(client, sim::query("copy in fail") + sim::copy_data("x")), "G E(22P04) Z(E)");
  EXPECT_EQ(world.ask(client, sim::copy_done() + sim::query("rollback")), "C(ROLLBACK) Z(I)");
  expect_still_good(client);
}

}  // namespace
}  // namespace pgweir
