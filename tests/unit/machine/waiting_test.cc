// Who waits for a server, and in which order they are served.
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

class WaitingTest : public Story {};

TEST_F(WaitingTest, clients_of_one_pool_are_served_in_the_order_they_asked) {
  std::vector<sim::Client*> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(&world.client());
  world.query(*clients[0], "begin");
  for (const int i : {3, 1, 4, 2}) {
    world.query(*clients[static_cast<std::size_t>(i)], "insert " + std::to_string(i));
  }
  world.query(*clients[0], "commit");
  const std::vector<std::string> expected{"1001: begin",    "1001: commit",   "1001: insert 3",
                                          "1001: insert 1", "1001: insert 4", "1001: insert 2"};
  EXPECT_EQ(world.postgres.statements(), expected);
  for (std::size_t i = 1; i < 5; ++i) EXPECT_EQ(clients[i]->heard(), "C(INSERT 0 1) Z(I)");
}

TEST_F(WaitingTest, a_client_with_many_queries_does_not_keep_others_out) {
  sim::Client& greedy = world.client();
  sim::Client& other = world.client();
  world.query(greedy, "begin");
  world.query(other, "insert other");
  std::string more = sim::query("commit");
  for (int i = 0; i < 3; ++i) more += sim::query("insert greedy");
  world.ask(greedy, more);
  EXPECT_EQ(other.heard(), "C(INSERT 0 1) Z(I)");
  EXPECT_EQ(executed("insert greedy"), 3u);
}

TEST_F(WaitingTest, a_waiting_client_that_goes_is_forgotten) {
  sim::Client& a = world.client();
  sim::Client& b = world.client();
  sim::Client& c = world.client();
  world.query(a, "begin");
  world.query(b, "insert b");
  world.query(c, "insert c");
  b.vanish();
  world.run();
  world.query(a, "commit");
  EXPECT_EQ(executed("insert b"), 0u);
  EXPECT_EQ(c.heard(), "C(INSERT 0 1) Z(I)");
}

TEST_F(WaitingTest, a_waiting_clients_bytes_stay_with_it) {
  world.shell_options.pipe_capacity = 10'000;
  sim::Client& a = world.client();
  sim::Client& b = world.client();
  world.query(a, "begin");
  std::string many;
  for (int i = 0; i < 20'000; ++i) many += sim::query("select 'x'");
  world.ask(b, many);
  std::size_t received = 0;
  for (const auto& [socket, record] : world.shell().records()) {
    if (socket.kind == SocketKind::client) received += record.received.size();
  }
  EXPECT_LT(received, 20'000u) << "a client that waits was read on";
  world.query(a, "commit");
  world.run();
  std::size_t answers = 0;
  for (const std::string& line : world.postgres.statements()) answers += line.ends_with("'x'");
  EXPECT_EQ(answers, 20'000u);
}

TEST_F(WaitingTest, two_users_have_two_pools_and_do_not_wait_for_each_other) {
  UserSettings bob;
  bob.name = "bob";
  world.settings.users.push_back(bob);
  sim::Client& a = world.client();
  sim::Client& b = world.client({.user = "bob"});
  world.query(a, "begin");
  EXPECT_EQ(world.query(b, "select 'b'"), "T D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.postgres.session_count(), 2u);
}

}  // namespace
}  // namespace pgweir
