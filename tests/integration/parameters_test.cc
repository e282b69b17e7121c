// Settings that PostgreSQL reports are each client's own, though servers are shared.
#include <gtest/gtest.h>

#include "tests/integration/environment.h"
#include "tests/integration/pooler.h"
#include "tests/integration/raw_client.h"

namespace pgweir::integration {

namespace {

const PoolerConfig one_server{.settings = {{"default_pool_size", "1"}}};

class Parameters : public IntegrationTest {};

TEST_F(Parameters, of_the_startup_packet_reach_the_server) {
  Pooler pooler(one_server);
  Session session = pooler.session("app", "appdb", "application_name=river client_encoding=LATIN1");
  EXPECT_EQ(session.value("SHOW application_name"), "river");
  EXPECT_EQ(session.value("SHOW client_encoding"), "LATIN1");
  Session other = pooler.session();
  EXPECT_EQ(other.value("SHOW application_name"), "");
  EXPECT_EQ(other.value("SHOW client_encoding"), "UTF8");
}

TEST_F(Parameters, set_by_one_client_are_kept_for_it_and_hidden_from_others) {
  Pooler pooler(one_server);
  Session one = pooler.session();
  Session two = pooler.session();
  struct Case {
    const char* name;
    const char* ones;
    const char* twos;
  };
  for (const Case& each :
       {Case{"application_name", "weir", "mill"}, Case{"DateStyle", "SQL, DMY", "German, DMY"},
        Case{"TimeZone", "Asia/Tokyo", "America/Lima"},
        Case{"client_encoding", "LATIN1", "SQL_ASCII"},
        Case{"standard_conforming_strings", "off", "on"}}) {
    const std::string name = each.name;
    const std::string before = two.value("SHOW " + name);
    EXPECT_EQ(one.value("SET " + name + " = '" + each.ones + "'"), "SET");
    EXPECT_EQ(two.value("SHOW " + name), before) << name;
    EXPECT_EQ(two.value("SET " + name + " = '" + each.twos + "'"), "SET");
    EXPECT_EQ(one.value("SHOW " + name), each.ones);
    EXPECT_EQ(two.value("SHOW " + name), each.twos);
    EXPECT_EQ(one.run_extended("SELECT current_setting($1)", {name}).value(), each.ones);
  }
}

TEST_F(Parameters, set_in_a_transaction_that_fails_are_undone) {
  Pooler pooler(one_server);
  Session one = pooler.session();
  Session two = pooler.session();
  const std::string before = one.value("SHOW TimeZone");
  ASSERT_EQ(one.value("BEGIN; SET TimeZone = 'Asia/Tokyo'"), "SET");
  ASSERT_EQ(one.value("ROLLBACK"), "ROLLBACK");
  EXPECT_EQ(two.value("SHOW TimeZone"), before);
  EXPECT_EQ(one.value("SHOW TimeZone"), before);
}

// A value that would end a quoted string is a value, not SQL.
TEST_F(Parameters, with_quotes_are_only_values) {
  Pooler pooler({.settings = {{"default_pool_size", "1"}, {"auth_type", "trust"}}});
  RawClient client(pooler.port());
  const std::string hostile = "a'; CREATE TABLE owned (); --\\";
  ASSERT_TRUE(client.log_in("app", "appdb", {{"application_name", hostile}}));
  EXPECT_EQ(client.value("SHOW application_name"), hostile);
  EXPECT_EQ(client.value("SELECT to_regclass('owned') IS NULL"), "t");
}

TEST_F(Parameters, stay_with_their_client_through_a_loss_of_the_server) {
  Pooler pooler(one_server);
  Session session = pooler.session();
  ASSERT_EQ(session.value("SET TimeZone = 'Asia/Tokyo'"), "SET");
  const std::string server = session.value("SELECT pg_backend_pid()");
  ASSERT_EQ(postgres().direct().value("SELECT pg_terminate_backend(" + server + ", 10000)"), "t");
  ASSERT_TRUE(eventually([&] { return pooler.pool("sv_idle") == "0"; }));
  EXPECT_EQ(session.value("SHOW TimeZone"), "Asia/Tokyo");
}

}  // namespace

}  // namespace pgweir::integration
