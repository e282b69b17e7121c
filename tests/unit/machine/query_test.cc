// The simple protocol, and who keeps a server for how long.
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

class QueryTest : public Story {};

TEST_F(QueryTest, a_query_is_answered_and_the_server_given_back) {
  sim::Client& a = world.client();
  sim::Client& b = world.client();
  EXPECT_EQ(world.query(a, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.query(b, "select 'b'"), "T D(b) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(QueryTest, errors_notices_and_nothing_at_all_are_answers) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.query(client, "error 23505"), "E(23505) Z(I)");
  EXPECT_EQ(world.query(client, "notice hello"), "N(00000) C(NOTICE) Z(I)");
  EXPECT_EQ(world.query(client, ""), "I Z(I)");
  EXPECT_EQ(world.query(client, "nonsense"), "E(42601) Z(I)");
}

TEST_F(QueryTest, many_statements_in_one_query_get_one_ready) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.query(client, "select 'a'; select 'b'; error; select 'c'"),
            "T D(a) C(SELECT 1) T D(b) C(SELECT 1) E(22012) Z(I)");
  EXPECT_EQ(world.query(client, "select 'd'"), "T D(d) C(SELECT 1) Z(I)");
}

TEST_F(QueryTest, queries_sent_at_once_are_answered_in_order) {
  sim::Client& client = world.client();
  EXPECT_EQ(
      world.ask(client, sim::query("select 'a'") + sim::query("error") + sim::query("select 'b'")),
      "T D(a) C(SELECT 1) Z(I) E(22012) Z(I) T D(b) C(SELECT 1) Z(I)");
}

TEST_F(QueryTest, a_transaction_keeps_its_server) {
  sim::Client& a = world.client();
  sim::Client& b = world.client();
  EXPECT_EQ(world.query(a, "begin"), "C(BEGIN) Z(T)");
  EXPECT_EQ(world.query(b, "select 'b'"), "") << "another client got into the transaction";
  EXPECT_EQ(world.query(a, "select 'a'"), "T D(a) C(SELECT 1) Z(T)");
  EXPECT_EQ(world.query(a, "commit"), "C(COMMIT) Z(I)");
  EXPECT_EQ(b.heard(), "T D(b) C(SELECT 1) Z(I)");
}

TEST_F(QueryTest, a_failed_transaction_keeps_its_server_too) {
  sim::Client& a = world.client();
  sim::Client& b = world.client();
  EXPECT_EQ(world.query(a, "begin; error"), "C(BEGIN) E(22012) Z(E)");
  EXPECT_EQ(world.query(b, "select 'b'"), "");
  EXPECT_EQ(world.query(a, "select 'a'"), "E(25P02) Z(E)");
  EXPECT_EQ(world.query(a, "rollback"), "C(ROLLBACK) Z(I)");
  EXPECT_EQ(b.heard(), "T D(b) C(SELECT 1) Z(I)");
}

TEST_F(QueryTest, big_results_and_big_queries_pass_whole) {
  world.shell_options.pipe_capacity = 50'000;
  sim::Client& client = world.client();
  EXPECT_EQ(world.query(client, "rows 5000 1000"), "T D(1000 bytes)*5000 C(SELECT 5000) Z(I)");
  const std::string text(3'000'000, 'q');
  EXPECT_EQ(world.query(client, "select '" + text + "'"), "T D(3000000 bytes) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.query(client, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
}

TEST_F(QueryTest, a_client_that_does_not_read_costs_a_buffer_and_its_server_waits) {
  world.shell_options.pipe_capacity = 10'000;
  sim::Client& client = world.client();
  client.read(false);
  world.query(client, "rows 10000 1000");
  std::size_t received = 0;
  for (const auto& [socket, record] : world.shell().records()) {
    if (socket.kind == SocketKind::server) received += record.received.size();
  }
  EXPECT_LT(received, 400'000u) << "the server was read although its client does not read";
  client.read(true);
  world.run();
  EXPECT_EQ(client.heard(), "T D(1000 bytes)*10000 C(SELECT 10000) Z(I)");
}

TEST_F(QueryTest, terminate_closes_in_silence) {
  sim::Client& client = world.client();
  EXPECT_EQ(world.ask(client, sim::terminate()), "EOF");
  EXPECT_EQ(world.postgres.session_count(), 1u);
}

TEST_F(QueryTest, a_query_and_terminate_at_once_still_runs_the_query) {
  sim::Client& client = world.client();
  world.ask(client, sim::query("insert once") + sim::terminate());
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(executed("insert once"), 1u);
}

TEST_F(QueryTest, a_client_that_says_no_more_still_hears_its_answer) {
  sim::Client& client = world.client();
  client.say(sim::query("select 'a'"));
  client.finish();
  world.run();
  EXPECT_EQ(client.heard(), "T D(a) C(SELECT 1) Z(I) EOF");
}

TEST_F(QueryTest, what_is_not_the_protocol_is_told_and_closed) {
  sim::Client& unknown = world.client();
  EXPECT_EQ(world.ask(unknown, sim::message('!', "abc")), "E(08P01) EOF");
  sim::Client& in_transaction = world.client();
  world.query(in_transaction, "begin");
  EXPECT_EQ(world.ask(in_transaction, sim::message('!', "abc")), "E(08P01) EOF");
  sim::Client& next = world.client();
  EXPECT_EQ(world.query(next, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
}

}  // namespace
}  // namespace pgweir
