// What every user does first: log in, query, and share few servers without noticing.
#include <gtest/gtest.h>

#include "tests/integration/environment.h"
#include "tests/integration/pooler.h"
#include "tests/integration/raw_client.h"

namespace pgweir::integration {

namespace {

Outcome psql(const std::string& conninfo, const std::string& sql) {
  return run({.arguments = {"psql", "-X", "-A", "-t", "-c", sql, conninfo},
              .environment = {{"PGPASSWORD", password}}});
}

class Basic : public IntegrationTest {};

TEST_F(Basic, psql_gets_its_answer_over_tcp) {
  Pooler pooler;
  const Outcome outcome = psql(pooler.conninfo(), "SELECT 6 * 7");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.output, "42\n");
}

TEST_F(Basic, psql_gets_its_answer_over_the_unix_socket) {
  Pooler pooler;
  const Outcome outcome =
      psql("host=" + pooler.folder() + " port=" + std::to_string(pooler.port()) +
               " user=app dbname=appdb",
           "SELECT 6 * 7");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.output, "42\n");
}

TEST_F(Basic, listens_on_ipv6) {
  if (read_file("/proc/net/if_inet6").find("00000000000000000000000000000001") ==
      std::string::npos) {
    GTEST_SKIP() << "this machine has no ::1";
  }
  // In this order: it is taken to be up when it is at 127.0.0.1.
  Pooler pooler({.settings = {{"listen_addr", "::1, 127.0.0.1"}}});
  Session session("host=::1 port=" + std::to_string(pooler.port()) +
                  " user=app dbname=appdb sslmode=disable password=" + password);
  EXPECT_EQ(session.value("SELECT 6 * 7"), "42") << session.failure();
}

TEST_F(Basic, every_statement_of_a_query_is_answered) {
  Pooler pooler;
  Session session = pooler.session();
  Session direct = postgres().direct();
  for (const char* sql : {"SELECT 1; SELECT 2; SELECT 3", "SELECT 1; SELECT 1/0; SELECT 3", "", ";",
                          "BEGIN; SELECT 1; ROLLBACK; SELECT 4", "SELECT * FROM nowhere"}) {
    const std::vector<Answer> expected = direct.run_all(sql);
    const std::vector<Answer> got = session.run_all(sql);
    ASSERT_EQ(got.size(), expected.size()) << sql;
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(summary(got[i]), summary(expected[i])) << sql;
    }
  }
}

TEST_F(Basic, notices_reach_their_client) {
  Pooler pooler;
  Session session = pooler.session();
  EXPECT_EQ(session.value("DO $$BEGIN RAISE NOTICE 'the river rises'; END$$"), "DO");
  EXPECT_EQ(session.notices(), std::vector<std::string>{"the river rises"});
}

TEST_F(Basic, clients_share_a_server_between_transactions) {
  Pooler pooler({.settings = {{"default_pool_size", "1"}}});
  Session first = pooler.session();
  Session second = pooler.session();
  const std::string server = first.value("SELECT pg_backend_pid()");
  EXPECT_EQ(second.value("SELECT pg_backend_pid()"), server);
  EXPECT_EQ(first.run_extended("SELECT pg_backend_pid()", {}).value(), server);
}

TEST_F(Basic, a_transaction_keeps_its_server_to_itself) {
  Pooler pooler({.settings = {{"default_pool_size", "2"}}});
  Session first = pooler.session();
  Session second = pooler.session();
  EXPECT_EQ(first.value("BEGIN"), "BEGIN");
  const std::string server = first.value("SELECT pg_backend_pid()");
  EXPECT_NE(second.value("SELECT pg_backend_pid()"), server);
  EXPECT_EQ(first.value("SELECT pg_backend_pid()"), server);
  EXPECT_EQ(first.value("COMMIT"), "COMMIT");
}

TEST_F(Basic, a_name_that_is_taken_or_unknown_is_refused_and_the_session_goes_on) {
  Pooler pooler({.settings = {{"auth_type", "trust"}}});
  RawClient client(pooler.port());
  ASSERT_TRUE(client.log_in("app", "appdb"));
  const std::string zero(1, '\0');
  const std::string parse = message('P', "kept" + zero + "SELECT 1" + zero + zero + zero);
  ASSERT_TRUE(client.send(parse + message('S', "")));
  EXPECT_EQ(types(client.read_until_ready()), "1Z");
  ASSERT_TRUE(client.send(parse + message('S', "")));
  const std::vector<Message> taken = client.read_until_ready();
  ASSERT_EQ(types(taken), "EZ");
  EXPECT_EQ(error_field(taken[0], 'C'), "42P05");
  EXPECT_EQ(error_field(taken[0], 'M'), "prepared statement \"kept\" already exists");
  EXPECT_EQ(taken[1].body, "I");
  ASSERT_TRUE(client.send(message('D', "Sother" + zero) + message('S', "")));
  const std::vector<Message> unknown = client.read_until_ready();
  ASSERT_EQ(types(unknown), "EZ");
  EXPECT_EQ(error_field(unknown[0], 'C'), "26000");
  EXPECT_EQ(error_field(unknown[0], 'M'), "prepared statement \"other\" does not exist");
  EXPECT_EQ(client.value("SELECT 6 * 7"), "42");
}

TEST_F(Basic, big_rows_pass_in_both_directions) {
  Pooler pooler;
  Session session = pooler.session();
  constexpr std::size_t size = 30u << 20;
  const std::string big(size, 'x');
  const std::string digest = postgres().direct().value("SELECT md5(repeat('x', 31457280))");
  EXPECT_EQ(session.value("SELECT md5('" + big + "')"), digest);
  EXPECT_EQ(session.run_extended("SELECT md5($1)", {big}).value(), digest);
  const Answer answer = session.run("SELECT repeat('x', 31457280)");
  EXPECT_TRUE(answer.value() == big) << answer.value().substr(0, 200);
  EXPECT_EQ(session.value("SELECT 6 * 7"), "42");
}

TEST_F(Basic, reaches_postgresql_over_its_unix_socket_and_by_name) {
  const std::string port = " port=" + std::to_string(postgres().port()) + " dbname=appdb";
  Pooler pooler({.databases = {{"by_socket", "host=" + postgres().socket_folder() + port},
                               {"by_name", "host=localhost" + port}}});
  EXPECT_EQ(pooler.session("app", "by_socket").value("SELECT inet_server_addr() IS NULL"), "t");
  EXPECT_EQ(pooler.session("app", "by_name").value("SELECT host(inet_server_addr())"), "127.0.0.1");
}

}  // namespace

}  // namespace pgweir::integration
