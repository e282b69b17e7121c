#include "core/console/show.h"

#include <functional>
#include <type_traits>

#include "core/base/text.h"
#include "core/console/address.h"
#include "core/console/table.h"

namespace pgweir::console {

namespace {

constexpr std::string_view pgbouncer_version = "1.25.0";

// What a cell can be made from, and the column's type that follows from it.
constexpr Column::Type type_for(std::string_view) { return Column::text; }
constexpr Column::Type type_for(const std::string&) { return Column::text; }
constexpr Column::Type type_for(const std::optional<std::string_view>&) { return Column::text; }
constexpr Column::Type type_for(std::int32_t) { return Column::int4; }
constexpr Column::Type type_for(std::uint64_t) { return Column::numeric; }

void add(Table& table, std::string_view value) { table.text(value); }
void add(Table& table, const std::string& value) { table.text(value); }
void add(Table& table, std::int32_t value) { table.number(value); }
void add(Table& table, std::uint64_t value) { table.number(value); }
void add(Table& table, const std::optional<std::string_view>& value) {
  if (value.has_value()) {
    table.text(*value);
  } else {
    table.null();
  }
}

// A column's name and where its value comes from: a member of the row, or a function of the row.
// The two stand side by side so that a value cannot end up under another's name.
template <class Get>
struct Field {
  std::string_view name;
  Get get;
};

template <class Row, class... Gets>
void show(std::string& out, std::span<const Row> rows, const Field<Gets>&... fields) {
  Table table(out,
              {Column{fields.name, type_for(std::invoke_result_t<const Gets&, const Row&>{})}...});
  for (const Row& row : rows) {
    table.row();
    (add(table, std::invoke(fields.get, row)), ...);
  }
  table.done("SHOW");
}

std::int32_t whole_seconds(Duration duration) {
  return int4(std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

std::int32_t microseconds_of_second(Duration duration) {
  return int4(microseconds(duration) % 1'000'000);
}

// Opaque to tools, and the same for as long as the socket lives. The handle's kind takes the two
// highest bits, so that a client and a server never look alike; the machine what no slot needs.
std::string pointer_text(std::uint8_t machine, SocketId socket) {
  if (!socket) return {};
  const std::uint64_t number = static_cast<std::uint64_t>(socket.kind) << 62 |
                               (std::uint64_t{socket.generation} << 32 & ~(3ull << 62)) |
                               std::uint64_t{machine} << 24 | socket.slot;
  std::string out = "0x";
  append_hex(out, number);
  return out;
}

std::string_view type_text(SocketId socket) {
  return socket.kind == SocketKind::client ? "C" : "S";
}

std::string size_text(std::optional<std::int32_t> size) {
  constexpr std::size_t width = 9;
  if (!size.has_value()) return {};
  std::string digits = join(*size);
  if (digits.size() < width) digits.insert(0, width - digits.size(), ' ');
  return digits;
}

void append_padded(std::string& out, unsigned number, std::size_t width) {
  const std::string digits = join(number);
  if (digits.size() < width) out.append(width - digits.size(), '0');
  out += digits;
}

void show_sockets(std::string& out, std::span<const SocketRow> rows) {
  using Row = SocketRow;
  show(out, rows, Field{"type", [](const Row& row) { return type_text(row.socket); }},
       Field{"user", &Row::user}, Field{"database", &Row::database},
       Field{"replication", &Row::replication}, Field{"state", &Row::state},
       Field{"addr", [](const Row& row) { return address_text(row.remote); }},
       Field{"port", [](const Row& row) { return int4(row.remote.port); }},
       Field{"local_addr", [](const Row& row) { return address_text(row.local); }},
       Field{"local_port", [](const Row& row) { return int4(row.local.port); }},
       Field{"connect_time", [](const Row& row) { return stamp_text(row.connect_time); }},
       Field{"request_time", [](const Row& row) { return stamp_text(row.request_time); }},
       Field{"wait", [](const Row& row) { return whole_seconds(row.wait); }},
       Field{"wait_us", [](const Row& row) { return microseconds_of_second(row.wait); }},
       Field{"close_needed", [](const Row& row) { return int4(row.close_needed ? 1 : 0); }},
       Field{"ptr", [](const Row& row) { return pointer_text(row.machine, row.socket); }},
       Field{"link", [](const Row& row) { return pointer_text(row.machine, row.link); }},
       Field{"remote_pid", &Row::remote_pid}, Field{"tls", &Row::tls},
       Field{"application_name", &Row::application_name},
       Field{"prepared_statements", &Row::prepared_statements}, Field{"id", &Row::id},
       Field{"pinned_by", &Row::pinned_by});
}

}  // namespace

void show_pools(std::string& out, std::span<const PoolRow> rows) {
  using Row = PoolRow;
  show(out, rows, Field{"database", &Row::database}, Field{"user", &Row::user},
       Field{"cl_active", &Row::cl_active}, Field{"cl_waiting", &Row::cl_waiting},
       Field{"cl_active_cancel_req", &Row::cl_active_cancel_req},
       Field{"cl_waiting_cancel_req", &Row::cl_waiting_cancel_req},
       Field{"sv_active", &Row::sv_active}, Field{"sv_active_cancel", &Row::sv_active_cancel},
       Field{"sv_being_canceled", &Row::sv_being_canceled}, Field{"sv_idle", &Row::sv_idle},
       Field{"sv_used", &Row::sv_used}, Field{"sv_tested", &Row::sv_tested},
       Field{"sv_login", &Row::sv_login},
       Field{"maxwait", [](const Row& row) { return whole_seconds(row.maxwait); }},
       Field{"maxwait_us", [](const Row& row) { return microseconds_of_second(row.maxwait); }},
       Field{"pool_mode", &Row::pool_mode}, Field{"load_balance_hosts", &Row::load_balance_hosts},
       Field{"sv_pinned", &Row::sv_pinned});
}

void show_clients(std::string& out, std::span<const SocketRow> rows) { show_sockets(out, rows); }

void show_servers(std::string& out, std::span<const SocketRow> rows) { show_sockets(out, rows); }

void show_stats(std::string& out, std::span<const StatsRow> rows) {
  using metrics::Totals;
  const auto total = [](std::string_view name, std::uint64_t Totals::* counter) {
    return Field{name, [counter](const StatsRow& row) { return row.totals.*counter; }};
  };
  const auto average = [](std::string_view name, std::uint64_t Totals::* counter) {
    return Field{name, [counter](const StatsRow& row) {
                   return metrics::averages(row.last_period, row.period).*counter;
                 }};
  };
  show(out, rows, Field{"database", &StatsRow::database},
       total("total_server_assignment_count", &Totals::server_assignment_count),
       total("total_xact_count", &Totals::xact_count),
       total("total_query_count", &Totals::query_count), total("total_received", &Totals::received),
       total("total_sent", &Totals::sent), total("total_xact_time", &Totals::xact_time_us),
       total("total_query_time", &Totals::query_time_us),
       total("total_wait_time", &Totals::wait_time_us),
       total("total_client_parse_count", &Totals::client_parse_count),
       total("total_server_parse_count", &Totals::server_parse_count),
       total("total_bind_count", &Totals::bind_count),
       average("avg_server_assignment_count", &Totals::server_assignment_count),
       average("avg_xact_count", &Totals::xact_count),
       average("avg_query_count", &Totals::query_count), average("avg_recv", &Totals::received),
       average("avg_sent", &Totals::sent), average("avg_xact_time", &Totals::xact_time_us),
       average("avg_query_time", &Totals::query_time_us),
       average("avg_wait_time", &Totals::wait_time_us),
       average("avg_client_parse_count", &Totals::client_parse_count),
       average("avg_server_parse_count", &Totals::server_parse_count),
       average("avg_bind_count", &Totals::bind_count));
}

void show_databases(std::string& out, std::span<const DatabaseRow> rows) {
  using Row = DatabaseRow;
  show(out, rows, Field{"name", &Row::name}, Field{"host", &Row::host}, Field{"port", &Row::port},
       Field{"database", &Row::database}, Field{"force_user", &Row::force_user},
       Field{"pool_size", &Row::pool_size}, Field{"min_pool_size", &Row::min_pool_size},
       Field{"reserve_pool_size", &Row::reserve_pool_size},
       Field{"server_lifetime", [](const Row& row) { return whole_seconds(row.server_lifetime); }},
       Field{"pool_mode", &Row::pool_mode}, Field{"load_balance_hosts", &Row::load_balance_hosts},
       Field{"max_connections", &Row::max_connections},
       Field{"current_connections", &Row::current_connections},
       Field{"max_client_connections", &Row::max_client_connections},
       Field{"current_client_connections", &Row::current_client_connections},
       Field{"paused", [](const Row& row) { return int4(row.paused ? 1 : 0); }},
       Field{"disabled", [](const Row& row) { return int4(row.disabled ? 1 : 0); }});
}

void show_users(std::string& out, std::span<const UserRow> rows) {
  using Row = UserRow;
  show(out, rows, Field{"name", &Row::name},
       Field{"pool_size", [](const Row& row) { return size_text(row.pool_size); }},
       Field{"reserve_pool_size", [](const Row& row) { return size_text(row.reserve_pool_size); }},
       Field{"pool_mode", &Row::pool_mode},
       Field{"max_user_connections", &Row::max_user_connections},
       Field{"current_connections", &Row::current_connections},
       Field{"max_user_client_connections", &Row::max_user_client_connections},
       Field{"current_client_connections", &Row::current_client_connections});
}

void show_config(std::string& out, std::span<const ConfigRow> rows) {
  using Row = ConfigRow;
  show(out, rows, Field{"key", &Row::key}, Field{"value", &Row::value},
       Field{"default", &Row::default_value},
       Field{"changeable",
             [](const Row& row) { return std::string_view(row.changeable ? "yes" : "no"); }});
}

void show_version(std::string& out, std::string_view pgweir_version) {
  Table table(out, {{"version", Column::text}});
  table.row().text(join("PgBouncer ", pgbouncer_version, " (pgweir ", pgweir_version, ")"));
  table.done("SHOW");
}

std::string stamp_text(Duration since_1970) {
  const auto days = std::chrono::floor<std::chrono::days>(since_1970);
  const std::chrono::year_month_day date{std::chrono::sys_days(days)};
  const std::chrono::hh_mm_ss of_day(std::chrono::floor<std::chrono::seconds>(since_1970 - days));
  std::string out;
  append_padded(out, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out += ' ';
  append_padded(out, static_cast<unsigned>(of_day.hours().count()), 2);
  out += ':';
  append_padded(out, static_cast<unsigned>(of_day.minutes().count()), 2);
  out += ':';
  append_padded(out, static_cast<unsigned>(of_day.seconds().count()), 2);
  return out + " UTC";
}

}  // namespace pgweir::console
