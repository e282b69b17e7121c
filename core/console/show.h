// The answers to SHOW: PgBouncer 1.25's columns, in its order, with its types (field by field as
// its documentation's "Admin console" lists them), because monitoring reads them by name or by
// place.
//
// Each function appends a whole result set with CommandComplete to the buffer and keeps nothing.
// Rows are plain values that the caller fills; their views need to last for the call only. What
// pgweir does not have keeps its default, which is what PgBouncer shows for "none".
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/base/handle.h"
#include "core/base/time.h"
#include "core/event.h"
#include "core/metrics/stats.h"

namespace pgweir::console {

struct PoolRow {
  std::string_view database{};
  std::string_view user{};
  std::int32_t cl_active = 0;
  std::int32_t cl_waiting = 0;
  std::int32_t cl_active_cancel_req = 0;
  std::int32_t cl_waiting_cancel_req = 0;
  std::int32_t sv_active = 0;
  std::int32_t sv_active_cancel = 0;
  std::int32_t sv_being_canceled = 0;
  std::int32_t sv_idle = 0;
  std::int32_t sv_used = 0;
  std::int32_t sv_tested = 0;
  std::int32_t sv_login = 0;
  Duration maxwait{};  // of the oldest waiter: columns maxwait (s) and maxwait_us (the rest)
  std::string_view pool_mode{};
  std::optional<std::string_view> load_balance_hosts{};
  std::int32_t sv_pinned = 0;  // of those that are active; pgweir's own column, the last
};

// A client (SHOW CLIENTS) or a server (SHOW SERVERS).
struct SocketRow {
  std::uint8_t machine = 0;  // of this process, whose socket it is
  SocketId socket{};         // columns type and ptr, both with the machine
  std::string_view user{};
  std::string_view database{};
  std::string_view replication = "none";
  std::string_view state{};
  Endpoint remote{};        // columns addr and port
  Endpoint local{};         // columns local_addr and local_port
  Duration connect_time{};  // since 1970
  Duration request_time{};  // since 1970; connect_time until there was one
  Duration wait{};          // columns wait (s) and wait_us (the rest)
  bool close_needed = false;
  SocketId link{};  // the other end; none shows as empty
  std::int32_t remote_pid = 0;
  std::string_view tls{};
  std::string_view application_name{};
  std::int32_t prepared_statements = 0;
  std::int32_t id = 0;
  std::string_view pinned_by{};  // what keeps the two together; pgweir's own column, the last
};

struct DatabaseRow {
  std::string_view name{};
  std::optional<std::string_view> host{};
  std::int32_t port = 0;
  std::string_view database{};
  std::optional<std::string_view> force_user{};
  std::int32_t pool_size = 0;
  std::int32_t min_pool_size = 0;
  std::int32_t reserve_pool_size = 0;
  Duration server_lifetime{};                   // shown in whole seconds
  std::optional<std::string_view> pool_mode{};  // none: the global one
  std::optional<std::string_view> load_balance_hosts{};
  std::int32_t max_connections = 0;
  std::int32_t current_connections = 0;
  std::int32_t max_client_connections = 0;
  std::int32_t current_client_connections = 0;
  bool paused = false;
  bool disabled = false;
};

// The two sizes are text in PgBouncer, nine wide, and empty when the user has none of its own.
struct UserRow {
  std::string_view name{};
  std::optional<std::int32_t> pool_size{};
  std::optional<std::int32_t> reserve_pool_size{};
  std::optional<std::string_view> pool_mode{};
  std::int32_t max_user_connections = 0;
  std::int32_t current_connections = 0;
  std::int32_t max_user_client_connections = 0;
  std::int32_t current_client_connections = 0;
};

struct StatsRow {
  std::string_view database{};
  metrics::Totals totals{};
  metrics::Totals last_period{};  // what happened in the last whole stats_period
  Duration period{};              // how long that was
};

struct ConfigRow {
  std::string_view key{};
  std::string_view value{};
  std::string_view default_value{};
  bool changeable = false;  // by reloading
};

void show_pools(std::string& out, std::span<const PoolRow> rows);
void show_clients(std::string& out, std::span<const SocketRow> rows);
void show_servers(std::string& out, std::span<const SocketRow> rows);
void show_stats(std::string& out, std::span<const StatsRow> rows);
void show_databases(std::string& out, std::span<const DatabaseRow> rows);
void show_users(std::string& out, std::span<const UserRow> rows);
void show_config(std::string& out, std::span<const ConfigRow> rows);

// "PgBouncer 1.25.0 (pgweir 0.1.0)". Tools take the first x.y.z they find and decide by it which
// columns to expect, so PgBouncer's comes first; people see what really runs.
void show_version(std::string& out, std::string_view pgweir_version);

// "2026-11-23 09:20:45 UTC". Duration since 1970, which may be negative.
std::string stamp_text(Duration since_1970);

}  // namespace pgweir::console
