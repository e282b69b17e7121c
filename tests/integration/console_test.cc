// The admin database: PgBouncer 1.25's columns, and who may see and do what.
#include <gtest/gtest.h>

#include <sstream>

#include "tests/integration/environment.h"
#include "tests/integration/pooler.h"
#include "tests/integration/raw_client.h"

namespace pgweir::integration {

namespace {

class Console : public IntegrationTest {
 protected:
  // "name:type" for each column, types by the letters below.
  static std::vector<Column> columns(const std::string& text) {
    std::vector<Column> wanted;
    std::istringstream words(text);
    for (std::string word; words >> word;) {
      const std::size_t colon = word.find(':');
      const char letter = colon == std::string::npos ? 'i' : word[colon + 1];
      const Oid type = letter == 's' ? 25 : letter == 'n' ? 1700 : 23;
      wanted.push_back({word.substr(0, colon), type});
    }
    return wanted;
  }

  static void expect_columns(Session& console, const std::string& command,
                             const std::string& wanted_text) {
    const std::vector<Column> wanted = columns(wanted_text);
    const Answer answer = console.run(command);
    ASSERT_EQ(answer.status, PGRES_TUPLES_OK) << command << ": " << answer.value();
    ASSERT_EQ(answer.columns.size(), wanted.size()) << command;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_EQ(answer.columns[i].name, wanted[i].name) << command << ", column " << i;
      EXPECT_EQ(answer.columns[i].type, wanted[i].type) << command << " " << wanted[i].name;
    }
  }
};

TEST_F(Console, show_has_the_columns_of_pgbouncer) {
  Pooler pooler;
  Session session = pooler.session();
  ASSERT_EQ(session.value("SELECT 6 * 7"), "42");
  Session console = pooler.console();
  const std::string sockets =
      "type:s user:s database:s replication:s state:s addr:s port local_addr:s local_port "
      "connect_time:s request_time:s wait wait_us close_needed ptr:s link:s remote_pid tls:s "
      "application_name:s prepared_statements id pinned_by:s";
  expect_columns(console, "SHOW CLIENTS", sockets);
  expect_columns(console, "SHOW SERVERS", sockets);
  expect_columns(console, "SHOW POOLS",
                 "database:s user:s cl_active cl_waiting cl_active_cancel_req "
                 "cl_waiting_cancel_req sv_active sv_active_cancel sv_being_canceled sv_idle "
                 "sv_used sv_tested sv_login maxwait maxwait_us pool_mode:s load_balance_hosts:s "
                 "sv_pinned");
  expect_columns(console, "SHOW DATABASES",
                 "name:s host:s port database:s force_user:s pool_size min_pool_size "
                 "reserve_pool_size server_lifetime pool_mode:s load_balance_hosts:s "
                 "max_connections current_connections max_client_connections "
                 "current_client_connections paused disabled");
  expect_columns(console, "SHOW USERS",
                 "name:s pool_size:s reserve_pool_size:s pool_mode:s max_user_connections "
                 "current_connections max_user_client_connections current_client_connections");
  expect_columns(
      console, "SHOW STATS",
      "database:s total_server_assignment_count:n total_xact_count:n total_query_count:n "
      "total_received:n total_sent:n total_xact_time:n total_query_time:n total_wait_time:n "
      "total_client_parse_count:n total_server_parse_count:n total_bind_count:n "
      "avg_server_assignment_count:n avg_xact_count:n avg_query_count:n avg_recv:n avg_sent:n "
      "avg_xact_time:n avg_query_time:n avg_wait_time:n avg_client_parse_count:n "
      "avg_server_parse_count:n avg_bind_count:n");
  expect_columns(console, "SHOW CONFIG", "key:s value:s default:s changeable:s");
  expect_columns(console, "SHOW VERSION", "version:s");
}

TEST_F(Console, is_found_under_both_names_and_in_any_case) {
  Pooler pooler;
  for (const char* database : {"pgbouncer", "pgweir"}) {
    Session console = pooler.session("admin", database);
    for (const char* command : {"SHOW VERSION", "show version;", "Show  Version ;"}) {
      EXPECT_EQ(console.run(command).status, PGRES_TUPLES_OK) << command;
    }
  }
}

TEST_F(Console, pools_tell_who_holds_and_who_waits) {
  Pooler pooler({.settings = {{"default_pool_size", "1"}}});
  Session holder = pooler.session();
  Session waiter = pooler.session();
  ASSERT_EQ(holder.value("BEGIN"), "BEGIN");
  waiter.send("SELECT 6 * 7");
  ASSERT_TRUE(pooler.waits_for_clients_waiting(1));
  EXPECT_EQ(pooler.pool("sv_active"), "1");
  EXPECT_EQ(pooler.pool("sv_idle"), "0");
  EXPECT_EQ(pooler.pool("pool_mode"), "transaction");
  EXPECT_EQ(holder.value("COMMIT"), "COMMIT");
  EXPECT_EQ(waiter.outcome().value(), "42");
  EXPECT_EQ(pooler.pool("sv_idle"), "1");
  EXPECT_EQ(pooler.pool("sv_active"), "0");
}

TEST_F(Console, servers_are_shown_with_the_pid_postgresql_knows) {
  Pooler pooler({.settings = {{"default_pool_size", "1"}}});
  Session session = pooler.session("app", "appdb", "application_name=mill");
  const std::string pid = session.value("SELECT pg_backend_pid()");
  Session console = pooler.console();
  const Answer servers = console.run("SHOW SERVERS");
  ASSERT_EQ(servers.rows.size(), 1u) << servers.value();
  EXPECT_EQ(servers.at(0, "type"), "S");
  EXPECT_EQ(servers.at(0, "state"), "idle");
  EXPECT_EQ(servers.at(0, "remote_pid"), pid);
  EXPECT_EQ(servers.at(0, "port"), std::to_string(postgres().port()));
  const Answer clients = console.run("SHOW CLIENTS");
  bool found = false;
  for (std::size_t row = 0; row < clients.rows.size(); ++row) {
    found = found ||
            (clients.at(row, "user") == "app" && clients.at(row, "application_name") == "mill" &&
             clients.at(row, "addr") == "127.0.0.1");
  }
  EXPECT_TRUE(found) << summary(clients);
}

TEST_F(Console, stats_count_what_was_done) {
  Pooler pooler;
  Session session = pooler.session();
  for (int i = 0; i < 10; ++i) ASSERT_EQ(session.value("SELECT 1"), "1");
  ASSERT_EQ(session.value("BEGIN"), "BEGIN");
  ASSERT_EQ(session.value("COMMIT"), "COMMIT");
  Session console = pooler.console();
  const Answer stats = console.run("SHOW STATS");
  for (std::size_t row = 0; row < stats.rows.size(); ++row) {
    if (stats.at(row, "database") != "appdb") continue;
    EXPECT_EQ(stats.at(row, "total_xact_count"), "11");
    EXPECT_EQ(stats.at(row, "total_query_count"), "12");
    return;
  }
  FAIL() << "no line for appdb: " << summary(stats);
}

TEST_F(Console, is_closed_to_ordinary_users) {
  Pooler pooler;
  Session session = pooler.console("app");
  EXPECT_FALSE(session.connected());
  EXPECT_NE(session.login_sqlstate(), "");
}

TEST_F(Console, stats_users_look_but_do_not_touch) {
  Pooler pooler;
  Session console = pooler.console("stats");
  EXPECT_EQ(console.run("SHOW POOLS").status, PGRES_TUPLES_OK);
  EXPECT_EQ(console.run("RELOAD").sqlstate, "42501");
  EXPECT_EQ(console.run("SHOW POOLS").status, PGRES_TUPLES_OK);
}

TEST_F(Console, an_unknown_command_is_an_error_and_the_session_goes_on) {
  Pooler pooler;
  Session console = pooler.console();
  EXPECT_EQ(console.run("SHOW TIDES").status, PGRES_FATAL_ERROR);
  EXPECT_EQ(console.run("FLOOD THE VALLEY").sqlstate, "42601");
  EXPECT_EQ(console.run("SHOW VERSION").status, PGRES_TUPLES_OK);
}

TEST_F(Console, passwords_are_not_shown) {
  Pooler pooler({.databases = {{"appdb", host_of_postgres() + " user=app password=" + password}}});
  Session console = pooler.console();
  for (const char* command : {"SHOW CONFIG", "SHOW DATABASES", "SHOW USERS"}) {
    EXPECT_EQ(summary(console.run(command)).find(password), std::string::npos) << command;
  }
}

// PgBouncer's scripts do this: the account that runs the pooler is its admin, without a password.
TEST_F(Console, the_pooler_s_own_account_is_let_in_over_the_unix_socket) {
  Pooler pooler;
  const auto psql_as = [&](const std::optional<Account>& account, const std::string& user) {
    return run({.arguments = {"psql", "-X", "-w", "-A", "-t", "-c", "SHOW VERSION",
                              "host=" + pooler.folder() + " port=" + std::to_string(pooler.port()) +
                                  " user=" + user + " dbname=pgbouncer"},
                .as = account});
  };
  const Outcome own = psql_as(Pooler::account(), "pgbouncer");
  EXPECT_EQ(own.status, 0) << own.output;
  EXPECT_NE(psql_as(Pooler::account(), "admin").status, 0) << "others need their password";
  if (Pooler::account()) {
    EXPECT_NE(psql_as(account_of("postgres"), "pgbouncer").status, 0) << "another account";
  }
  const Session over_tcp = pooler.console("pgbouncer");
  EXPECT_FALSE(over_tcp.connected()) << "never over TCP";
}

}  // namespace

}  // namespace pgweir::integration
