// libpq's pipeline mode: whatever is sent, the answers are those of a direct connection.
#include <gtest/gtest.h>

#include <poll.h>

#include <functional>

#include "tests/integration/environment.h"
#include "tests/integration/pooler.h"

namespace pgweir::integration {

namespace {

// What a pipeline sends: a statement, or a mark for Sync or Flush.
constexpr const char* sync_mark = "-- sync";
constexpr const char* flush_mark = "-- flush";
using Script = std::vector<std::string>;

bool send_step(PGconn* connection, const std::string& step) {
  if (step == sync_mark) return PQpipelineSync(connection) == 1;
  if (step == flush_mark) return PQsendFlushRequest(connection) == 1 && PQflush(connection) >= 0;
  return PQsendQueryParams(connection, step.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0) == 1;
}

// Reads on until so many Syncs are answered; one line a result.
std::vector<std::string> read_results(Session& session, int syncs) {
  std::vector<std::string> lines;
  int nulls = 0;
  while (syncs > 0 && nulls < 3) {
    for (; PQisBusy(session.get()) == 1; PQconsumeInput(session.get())) {
      const bool unsent = PQflush(session.get()) == 1;
      pollfd entry{PQsocket(session.get()), static_cast<short>(unsent ? POLLIN | POLLOUT : POLLIN),
                   0};
      if (poll(&entry, 1, 20'000) <= 0) {
        lines.push_back("no answer in 20 s");
        return lines;
      }
    }
    PGresult* result = PQgetResult(session.get());
    nulls = result == nullptr ? nulls + 1 : 0;
    if (result == nullptr) continue;
    lines.push_back(summary(answer_of(result)));
    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) --syncs;
    PQclear(result);
  }
  return lines;
}

std::vector<std::string> run_pipeline(Session session, const Script& script) {
  EXPECT_EQ(PQenterPipelineMode(session.get()), 1) << session.failure();
  int syncs = 0;
  for (const std::string& step : script) {
    EXPECT_TRUE(send_step(session.get(), step)) << step << ": " << session.failure();
    if (step == sync_mark) ++syncs;
  }
  EXPECT_GE(PQflush(session.get()), 0);
  std::vector<std::string> lines = read_results(session, syncs);
  EXPECT_EQ(PQexitPipelineMode(session.get()), 1) << session.failure();
  lines.push_back(summary(session.run("SELECT 'and afterwards'")));
  return lines;
}

class Pipeline : public IntegrationTest {
 protected:
  static void expect_as_direct(const Script& script) {
    Pooler pooler({.settings = {{"default_pool_size", "1"}}});
    const auto expected = run_pipeline(Session(postgres().conninfo("app")), script);
    EXPECT_EQ(run_pipeline(pooler.session(), script), expected);
  }
};

TEST_F(Pipeline, many_statements_and_one_sync) {
  Script script;
  for (int i = 0; i < 200; ++i) script.push_back("SELECT " + std::to_string(i));
  script.push_back(sync_mark);
  expect_as_direct(script);
}

TEST_F(Pipeline, an_error_aborts_the_rest_up_to_the_sync) {
  expect_as_direct(
      {"SELECT 1", "SELECT 1/0", "SELECT 2", "SELECT 3", sync_mark, "SELECT 4", sync_mark});
}

TEST_F(Pipeline, errors_in_several_segments) {
  expect_as_direct({"SELECT 1", sync_mark, "nonsense", "SELECT 2", sync_mark, "SELECT 3", sync_mark,
                    "SELECT 1/0", sync_mark, sync_mark, "SELECT 5", sync_mark});
}

TEST_F(Pipeline, a_transaction_across_syncs) {
  expect_as_direct({"BEGIN", sync_mark, "CREATE TEMP TABLE t (n int) ON COMMIT DROP",
                    "INSERT INTO t VALUES (1), (2)", sync_mark, "SELECT sum(n) FROM t", "COMMIT",
                    sync_mark});
}

TEST_F(Pipeline, a_failed_transaction_across_syncs) {
  expect_as_direct({"BEGIN", "SELECT 1/0", "SELECT 1", sync_mark, "SELECT 2", sync_mark, "ROLLBACK",
                    "SELECT 3", sync_mark});
}

TEST_F(Pipeline, a_flush_brings_the_answers_so_far) {
  expect_as_direct({"SELECT 1", flush_mark, "SELECT 2", flush_mark, sync_mark});
}

TEST_F(Pipeline, syncs_alone) { expect_as_direct({sync_mark, sync_mark, sync_mark}); }

// More than every buffer on the way holds, in both directions at once.
TEST_F(Pipeline, a_pipeline_larger_than_all_buffers) {
  Pooler pooler({.settings = {{"default_pool_size", "1"}}});
  Session session = pooler.session();
  ASSERT_EQ(PQsetnonblocking(session.get(), 1), 0);
  ASSERT_EQ(PQenterPipelineMode(session.get()), 1);
  const std::string sent(100'000, 'x');
  const std::string sql = "SELECT length('" + sent + "'), repeat('y', 100000)";
  constexpr int count = 300;
  for (int i = 0; i < count; ++i) ASSERT_TRUE(send_step(session.get(), sql)) << session.failure();
  ASSERT_TRUE(send_step(session.get(), sync_mark));
  const std::vector<std::string> lines = read_results(session, 1);
  ASSERT_EQ(lines.size(), count + 1u) << lines.back().substr(0, 200);
  const std::string expected = "PGRES_TUPLES_OK [SELECT 1] (100000," + std::string(100'000, 'y');
  for (int i = 0; i < count; ++i) {
    ASSERT_EQ(lines[static_cast<std::size_t>(i)].compare(0, expected.size(), expected), 0) << i;
  }
}

// Two clients share one server, both in pipelines; each must get its own answers.
TEST_F(Pipeline, clients_in_pipelines_never_get_each_others_answers) {
  Pooler pooler({.settings = {{"default_pool_size", "1"}}});
  std::vector<Session> sessions;
  for (int i = 0; i < 4; ++i) sessions.push_back(pooler.session());
  for (Session& session : sessions) ASSERT_EQ(PQenterPipelineMode(session.get()), 1);
  for (int round = 0; round < 100; ++round) {
    for (std::size_t i = 0; i < sessions.size(); ++i) {
      const std::string mine = std::to_string(i) + "-" + std::to_string(round);
      ASSERT_TRUE(send_step(sessions[i].get(), "SELECT '" + mine + "'"));
      ASSERT_TRUE(send_step(sessions[i].get(), round % 7 == 3 ? "SELECT 1/0" : "SELECT 1"));
      ASSERT_TRUE(send_step(sessions[i].get(), sync_mark));
    }
    for (std::size_t i = 0; i < sessions.size(); ++i) {
      const std::string mine = std::to_string(i) + "-" + std::to_string(round);
      const std::vector<std::string> lines = read_results(sessions[i], 1);
      ASSERT_EQ(lines.size(), 3u) << lines.front();
      ASSERT_EQ(lines[0], "PGRES_TUPLES_OK [SELECT 1] (" + mine + ",)");
    }
  }
}

}  // namespace

}  // namespace pgweir::integration
