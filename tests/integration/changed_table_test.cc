// Prepared statements whose tables change, at a real PostgreSQL.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/integration/environment.h"
#include "tests/integration/pooler.h"

namespace pgweir::integration {

namespace {

class ChangedTable : public IntegrationTest {
 protected:
  ChangedTable() {
    run_directly("create table changing (a int); grant select on changing to public");
  }
  ~ChangedTable() override { run_directly("drop table changing"); }

  static void run_directly(const std::string& sql) {
    const Answer answer = postgres().direct().run(sql);
    ASSERT_TRUE(answer.ok()) << sql << ": " << answer.message;
  }

  static Answer taken(PGresult* result) {
    const std::unique_ptr<PGresult, decltype(&PQclear)> owned(result, PQclear);
    return answer_of(result);
  }

  static PoolerConfig one_server(const std::string& retries) {
    PoolerConfig config;
    config.settings = {{"default_pool_size", "1"}, {"retry_prepared_statements", retries}};
    return config;
  }

  static Answer prepare(Session& session) {
    return taken(PQprepare(session.get(), "s1", "select * from changing", 0, nullptr));
  }
  static Answer run(Session& session) {
    return taken(PQexecPrepared(session.get(), "s1", 0, nullptr, nullptr, nullptr, 0));
  }
};

TEST_F(ChangedTable, is_told_as_by_PostgreSQL_and_then_well) {
  Session direct = postgres().direct();
  Pooler pooler(one_server("0"));
  Session pooled = pooler.session();
  for (Session* session : {&direct, &pooled}) EXPECT_TRUE(prepare(*session).ok());
  run_directly("alter table changing add b int");
  for (Session* session : {&direct, &pooled}) {
    const Answer answer = run(*session);
    EXPECT_EQ(answer.sqlstate, "0A000");
    EXPECT_NE(answer.message.find("cached plan must not change result type"), std::string::npos)
        << answer.message;
  }
  EXPECT_TRUE(run(pooled).ok()) << "the server was not told to prepare it anew";
}

TEST_F(ChangedTable, is_not_noticed_where_pgweir_asks_again) {
  Pooler pooler(one_server("1"));
  Session ann = pooler.session();
  EXPECT_TRUE(prepare(ann).ok());
  for (const char* const column : {"b", "c"}) {
    run_directly(std::string("alter table changing add ") + column + " int");
    const Answer answer = run(ann);
    EXPECT_TRUE(answer.ok()) << answer.message;
  }
  EXPECT_TRUE(ann.run("begin").ok());
  run_directly("alter table changing add d int");
  EXPECT_EQ(run(ann).sqlstate, "0A000") << "its transaction has failed";
}

TEST_F(ChangedTable, what_a_function_deallocates_is_prepared_again) {
  Pooler pooler(one_server("1"));
  Session ann = pooler.session();
  EXPECT_TRUE(prepare(ann).ok());
  EXPECT_TRUE(ann.run("do $$ begin execute 'deallocate all'; end $$").ok());
  const Answer answer = run(ann);
  EXPECT_TRUE(answer.ok()) << answer.message;
}

}  // namespace

}  // namespace pgweir::integration
