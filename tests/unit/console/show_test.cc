#include "core/console/show.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/unit/console/result_set.h"

namespace {

using namespace pgweir;
using namespace pgweir::console;
using namespace std::chrono_literals;
using pgweir::console::testing::read_result_set;

constexpr std::string_view socket_names =
    "type user database replication state addr port local_addr local_port connect_time "
    "request_time wait wait_us close_needed ptr link remote_pid tls application_name "
    "prepared_statements id pinned_by";

TEST(ShowPools, has_the_columns_of_pgbouncer) {
  const std::array<PoolRow, 2> rows{PoolRow{.database = "app",
                                            .user = "bob",
                                            .cl_active = 1,
                                            .cl_waiting = 2,
                                            .cl_active_cancel_req = 3,
                                            .cl_waiting_cancel_req = 4,
                                            .sv_active = 5,
                                            .sv_active_cancel = 6,
                                            .sv_being_canceled = 7,
                                            .sv_idle = 8,
                                            .sv_used = 9,
                                            .sv_tested = 10,
                                            .sv_login = 11,
                                            .maxwait = 12s + 345678us + 900ns,
                                            .pool_mode = "transaction",
                                            .load_balance_hosts = "disable"},
                                    PoolRow{
                                        .database = "app",
                                        .user = "eve",
                                        .pool_mode = "transaction",
                                    }};
  std::string out;
  show_pools(out, rows);
  const auto result = read_result_set(out);
  EXPECT_EQ(result.names(),
            "database user cl_active cl_waiting cl_active_cancel_req cl_waiting_cancel_req "
            "sv_active sv_active_cancel sv_being_canceled sv_idle sv_used sv_tested sv_login "
            "maxwait maxwait_us pool_mode load_balance_hosts sv_pinned");
  EXPECT_EQ(result.types(), "ssiiiiiiiiiiiiissi");
  EXPECT_EQ(result.row(0), "app|bob|1|2|3|4|5|6|7|8|9|10|11|12|345678|transaction|disable|0");
  EXPECT_EQ(result.row(1), "app|eve|0|0|0|0|0|0|0|0|0|0|0|0|0|transaction|<null>|0");
  EXPECT_EQ(result.tag, "SHOW");
}

TEST(ShowClients, has_the_columns_of_pgbouncer) {
  SocketRow row;
  row.socket = {SocketKind::client, 10, 3};
  row.user = "bob";
  row.database = "app";
  row.state = "waiting";
  row.remote = {
      .family = Endpoint::Family::ipv4, .port = 50123, .address = {10, 0, 0, 7}, .path = {}};
  row.local = {.family = Endpoint::Family::ipv6, .port = 6432, .path = {}};
  row.connect_time = 1'795'425'645s;
  row.request_time = 1'795'425'646s + 999ms;
  row.wait = 3s + 250ms;
  row.close_needed = true;
  row.link = {SocketKind::server, 10, 3};
  row.remote_pid = 4242;
  row.tls = "TLSv1.3/x";
  row.application_name = "psql\xff";
  row.prepared_statements = 6;
  row.id = 77;
  std::string out;
  show_clients(out, {&row, 1});
  const auto result = read_result_set(out);
  EXPECT_EQ(result.names(), socket_names);
  EXPECT_EQ(result.types(), "ssssssisissiiississiis");
  EXPECT_EQ(result.row(0),
            "C|bob|app|none|waiting|10.0.0.7|50123|::|6432|2026-11-23 09:20:45 UTC|"
            "2026-11-23 09:20:46 UTC|3|250000|1|0x30000000a|0x400000030000000a|4242|TLSv1.3/x|"
            "psql?|6|77|");
}

TEST(ShowServers, has_the_columns_of_clients) {
  SocketRow row;
  row.socket = {SocketKind::server, 0, 1};
  row.user = "bob";
  row.database = "app";
  row.state = "idle";
  row.remote = {.port = 5432, .path = "/run/postgresql/.s.PGSQL.5432"};
  std::string out;
  show_servers(out, {&row, 1});
  const auto result = read_result_set(out);
  EXPECT_EQ(result.names(), socket_names);
  EXPECT_EQ(result.row(0),
            "S|bob|app|none|idle|unix|5432|unix|0|1970-01-01 00:00:00 UTC|"
            "1970-01-01 00:00:00 UTC|0|0|0|0x4000000100000000||0|||0|0|");
}

TEST(ShowStats, has_the_columns_of_pgbouncer_1_25) {
  const auto numbered = [](std::uint64_t first) {
    return metrics::Totals{.server_assignment_count = first,
                           .xact_count = first + 1,
                           .query_count = first + 2,
                           .received = first + 3,
                           .sent = first + 4,
                           .xact_time_us = first + 5,
                           .query_time_us = first + 6,
                           .wait_time_us = first + 7,
                           .client_parse_count = first + 8,
                           .server_parse_count = first + 9,
                           .bind_count = first + 10};
  };
  StatsRow row{.database = "app",
               .totals = numbered(100),
               .last_period = numbered(200),
               .period = std::chrono::seconds(1)};
  row.last_period.xact_time_us *= row.last_period.xact_count;
  row.last_period.query_time_us *= row.last_period.query_count;
  row.last_period.wait_time_us *= row.last_period.server_assignment_count;
  std::string out;
  show_stats(out, {&row, 1});
  const auto result = read_result_set(out);
  EXPECT_EQ(result.names(),
            "database total_server_assignment_count total_xact_count total_query_count "
            "total_received total_sent total_xact_time total_query_time total_wait_time "
            "total_client_parse_count total_server_parse_count total_bind_count "
            "avg_server_assignment_count avg_xact_count avg_query_count avg_recv avg_sent "
            "avg_xact_time avg_query_time avg_wait_time avg_client_parse_count "
            "avg_server_parse_count avg_bind_count");
  EXPECT_EQ(result.types(), "s" + std::string(22, 'N'));
  EXPECT_EQ(result.row(0),
            "app|100|101|102|103|104|105|106|107|108|109|110|"
            "200|201|202|203|204|205|206|207|208|209|210");
}

TEST(ShowDatabases, has_the_columns_of_pgbouncer) {
  const std::array<DatabaseRow, 2> rows{
      DatabaseRow{.name = "app",
                  .host = "db.example",
                  .port = 5433,
                  .database = "app_live",
                  .force_user = "bob",
                  .pool_size = 20,
                  .min_pool_size = 1,
                  .reserve_pool_size = 2,
                  .server_lifetime = 3600s,
                  .pool_mode = "transaction",
                  .load_balance_hosts = "disable",
                  .max_connections = 30,
                  .current_connections = 4,
                  .max_client_connections = 50,
                  .current_client_connections = 6,
                  .paused = true,
                  .disabled = false},
      DatabaseRow{.name = "b", .port = 1, .database = "c", .disabled = true}};
  std::string out;
  show_databases(out, rows);
  const auto result = read_result_set(out);
  EXPECT_EQ(result.names(),
            "name host port database force_user pool_size min_pool_size reserve_pool_size "
            "server_lifetime pool_mode load_balance_hosts max_connections current_connections "
            "max_client_connections current_client_connections paused disabled");
  EXPECT_EQ(result.types(), "ssissiiiissiiiiii");
  EXPECT_EQ(result.row(0),
            "app|db.example|5433|app_live|bob|20|1|2|3600|transaction|disable|30|4|50|6|1|0");
  EXPECT_EQ(result.row(1), "b|<null>|1|c|<null>|0|0|0|0|<null>|<null>|0|0|0|0|0|1");
}

TEST(ShowUsers, has_the_columns_of_pgbouncer_with_sizes_as_padded_text) {
  const std::array<UserRow, 2> rows{UserRow{.name = "bob",
                                            .pool_size = 12,
                                            .reserve_pool_size = 3,
                                            .pool_mode = "transaction",
                                            .max_user_connections = 4,
                                            .current_connections = 5,
                                            .max_user_client_connections = 6,
                                            .current_client_connections = 7},
                                    UserRow{
                                        .name = "eve",
                                    }};
  std::string out;
  show_users(out, rows);
  const auto result = read_result_set(out);
  EXPECT_EQ(result.names(),
            "name pool_size reserve_pool_size pool_mode max_user_connections current_connections "
            "max_user_client_connections current_client_connections");
  EXPECT_EQ(result.types(), "ssssiiii");
  EXPECT_EQ(result.row(0), "bob|       12|        3|transaction|4|5|6|7");
  EXPECT_EQ(result.row(1), "eve|||<null>|0|0|0|0");
}

TEST(ShowConfig, has_the_columns_of_pgbouncer) {
  const std::array<ConfigRow, 2> rows{
      ConfigRow{
          .key = "max_client_conn", .value = "500", .default_value = "100", .changeable = true},
      ConfigRow{.key = "listen_port", .value = "6432", .default_value = "6432"}};
  std::string out;
  show_config(out, rows);
  const auto result = read_result_set(out);
  EXPECT_EQ(result.names(), "key value default changeable");
  EXPECT_EQ(result.types(), "ssss");
  EXPECT_EQ(result.row(0), "max_client_conn|500|100|yes");
  EXPECT_EQ(result.row(1), "listen_port|6432|6432|no");
}

TEST(ShowVersion, begins_with_the_pgbouncer_version_that_tools_look_for) {
  std::string out;
  show_version(out, "0.1.0");
  const auto result = read_result_set(out);
  EXPECT_EQ(result.names(), "version");
  EXPECT_EQ(result.row(0), "PgBouncer 1.25.0 (pgweir 0.1.0)");
}

TEST(StampText, knows_the_calendar) {
  EXPECT_EQ(stamp_text(0s), "1970-01-01 00:00:00 UTC");
  EXPECT_EQ(stamp_text(951'782'400s), "2000-02-29 00:00:00 UTC");
  EXPECT_EQ(stamp_text(1'709'251'199s + 999'999'999ns), "2024-02-29 23:59:59 UTC");
  EXPECT_EQ(stamp_text(4'107'542'400s), "2100-03-01 00:00:00 UTC");
  EXPECT_EQ(stamp_text(-1ns), "1969-12-31 23:59:59 UTC");
}

}  // namespace
