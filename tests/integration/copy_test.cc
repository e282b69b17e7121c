// COPY in both directions, whole and broken off.
#include <gtest/gtest.h>

#include "tests/integration/environment.h"
#include "tests/integration/pooler.h"
#include "tests/integration/raw_client.h"

namespace pgweir::integration {

namespace {

constexpr int row_count = 100'000;
constexpr std::size_t row_size = 1000;  // 100 MB in all

std::string row_of(int number) {
  std::string row = std::to_string(number) + "\t";
  while (row.size() < row_size - 1) row += static_cast<char>('a' + row.size() % 26);
  return row + "\n";
}

// What the copied bytes were: the order counts, where they were cut does not.
struct Stream {
  std::int64_t size = 0;
  std::uint64_t sum = 0;

  void add(std::string_view bytes) {
    size += static_cast<std::int64_t>(bytes.size());
    for (const char byte : bytes) sum = (sum ^ static_cast<unsigned char>(byte)) * 0x100000001b3ull;
  }
  bool operator==(const Stream&) const = default;
};

class Copy : public IntegrationTest {
 protected:
  void SetUp() override {
    IntegrationTest::SetUp();
    Session direct(postgres().conninfo("app"));
    direct.run("DROP TABLE IF EXISTS copied");
    ASSERT_EQ(direct.value("CREATE UNLOGGED TABLE copied (id int, filler text)"), "CREATE TABLE");
  }

  static std::string count_rows() {
    return postgres().direct().value("SELECT count(*) FROM copied");
  }

  static Stream copy_in(Session& session) {
    Stream sent;
    const std::vector<Answer> begun = session.run_all("COPY copied FROM STDIN");
    EXPECT_EQ(begun.back().status, PGRES_COPY_IN) << begun.back().value();
    for (int i = 0; i < row_count; ++i) {
      const std::string row = row_of(i);
      sent.add(row);
      if (PQputCopyData(session.get(), row.data(), static_cast<int>(row.size())) != 1) {
        ADD_FAILURE() << "row " << i << " was not taken: " << session.failure();
        return sent;
      }
    }
    EXPECT_EQ(PQputCopyEnd(session.get(), nullptr), 1) << session.failure();
    EXPECT_EQ(session.outcome().value(), "COPY " + std::to_string(row_count));
    return sent;
  }

  static Stream copy_out(Session& session) {
    Stream received;
    const std::vector<Answer> begun = session.run_all("COPY copied TO STDOUT");
    EXPECT_EQ(begun.back().status, PGRES_COPY_OUT) << begun.back().value();
    for (char* row = nullptr;;) {
      const int size = PQgetCopyData(session.get(), &row, 0);
      if (size < 0) break;
      received.add({row, static_cast<std::size_t>(size)});
      PQfreemem(row);
    }
    EXPECT_EQ(session.outcome().value(), "COPY " + std::to_string(row_count));
    return received;
  }
};

TEST_F(Copy, a_hundred_megabytes_in_and_out_again) {
  Pooler pooler;
  Session session = pooler.session();
  const Stream sent = copy_in(session);
  EXPECT_EQ(sent.size, std::int64_t{row_count} * static_cast<std::int64_t>(row_size));
  EXPECT_EQ(count_rows(), std::to_string(row_count));
  EXPECT_TRUE(copy_out(session) == sent) << "what came back is not what was sent";
  EXPECT_EQ(session.value("SELECT 6 * 7"), "42");
}

TEST_F(Copy, a_bad_row_is_an_error_and_the_session_goes_on) {
  Pooler pooler({.settings = {{"default_pool_size", "1"}}});
  Session session = pooler.session();
  ASSERT_EQ(session.run_all("COPY copied FROM STDIN").back().status, PGRES_COPY_IN);
  // The error comes while the client still sends: everything after it must be dropped.
  const std::string bad = "not a number\tx\n";
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_EQ(PQputCopyData(session.get(), bad.data(), static_cast<int>(bad.size())), 1);
  }
  ASSERT_EQ(PQputCopyEnd(session.get(), nullptr), 1);
  EXPECT_EQ(session.outcome().sqlstate, "22P02");
  EXPECT_EQ(session.value("SELECT 6 * 7"), "42");
  EXPECT_EQ(pooler.session().value("SELECT 6 * 7"), "42");
  EXPECT_EQ(count_rows(), "0");
}

TEST_F(Copy, a_client_that_fails_its_copy_goes_on) {
  Pooler pooler({.settings = {{"default_pool_size", "1"}}});
  Session session = pooler.session();
  ASSERT_EQ(session.run_all("COPY copied FROM STDIN").back().status, PGRES_COPY_IN);
  ASSERT_EQ(PQputCopyData(session.get(), "1\tx\n", 4), 1);
  ASSERT_EQ(PQputCopyEnd(session.get(), "the source ran dry"), 1);
  const Answer answer = session.outcome();
  EXPECT_EQ(answer.sqlstate, "57014");
  EXPECT_NE(answer.message.find("the source ran dry"), std::string::npos) << answer.message;
  EXPECT_EQ(session.value("SELECT 6 * 7"), "42");
  EXPECT_EQ(count_rows(), "0");
}

TEST_F(Copy, a_client_killed_while_copying_in_leaves_nothing) {
  Pooler pooler({.settings = {{"default_pool_size", "1"}}});
  Session session = pooler.session();
  ASSERT_EQ(session.run_all("COPY copied FROM STDIN").back().status, PGRES_COPY_IN);
  ASSERT_EQ(PQputCopyData(session.get(), "1\tx\n", 4), 1);
  ASSERT_EQ(PQflush(session.get()), 0);
  session.kill();
  EXPECT_EQ(pooler.session().value("SELECT 6 * 7"), "42");
  EXPECT_EQ(count_rows(), "0");
}

TEST_F(Copy, a_client_killed_while_copying_out_frees_its_server) {
  Pooler pooler({.settings = {{"default_pool_size", "1"}}});
  Session session = pooler.session();
  const std::string endless =
      "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 1000000) a, generate_series(1, 1000) "
      "b) TO STDOUT";
  ASSERT_EQ(session.run_all(endless).back().status, PGRES_COPY_OUT);
  session.kill();
  EXPECT_EQ(pooler.session().value("SELECT 6 * 7"), "42");
  Session direct = postgres().direct();
  EXPECT_TRUE(eventually([&] {
    return direct.value(
               "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY (SELECT%' "
               "AND state = 'active'") == "0";
  })) << "the abandoned COPY still runs";
}

// Bytes that a direct connection answers in the same way: CopyData that nobody asked for is
// dropped.
TEST_F(Copy, copy_messages_outside_of_a_copy_are_ignored) {
  Pooler pooler({.settings = {{"auth_type", "trust"}}});
  const std::string bytes = message('d', "1\tx\n") + message('c', "") + query("SELECT 6 * 7");
  std::string answers[2];
  for (const int port : {postgres().port(), pooler.port()}) {
    RawClient client(port);
    ASSERT_TRUE(client.log_in("trusted", "appdb"));
    ASSERT_TRUE(client.send(bytes));
    answers[port == pooler.port()] = types(client.read_until_ready());
  }
  EXPECT_EQ(answers[1], answers[0]);
}

}  // namespace

}  // namespace pgweir::integration
