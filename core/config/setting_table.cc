#include "core/config/setting_table.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/text.h"
#include "core/config/nearest_name.h"
#include "core/config/setting_text.h"

namespace pgweir::config {

namespace {

constexpr std::int64_t seconds_max = 1'000'000'000;

using S = Settings;
constexpr bool reload = true;
constexpr bool restart = false;

// clang-format off
constexpr auto table = std::to_array<Setting>({
    Setting{"admin_users", &S::admin_users, reload},
    Setting{"auth_file", &S::auth_file, reload},
    Setting{"auth_type", &S::auth_type, reload},
    Setting{"autodb_idle_timeout", &S::autodb_idle_timeout, reload, 0, seconds_max},
    Setting{"cancel_wait_timeout", &S::cancel_wait_timeout, reload, 0, seconds_max},
    Setting{"client_idle_timeout", &S::client_idle_timeout, reload, 0, seconds_max},
    Setting{"client_login_timeout", &S::client_login_timeout, reload, 0, seconds_max},
    Setting{"default_pool_size", &S::default_pool_size, reload, 0, connections_max},
    Setting{"dns_max_ttl", &S::dns_max_ttl, reload, 0, seconds_max},
    Setting{"handover_slack", &S::handover_slack, reload, 0, seconds_max},
    Setting{"idle_transaction_timeout", &S::idle_transaction_timeout, reload, 0, seconds_max},
    Setting{"ignore_startup_parameters", &S::ignore_startup_parameters, reload},
    Setting{"listen_addr", &S::listen_addr, restart},
    Setting{"listen_backlog", &S::listen_backlog, restart, 1, 65535},
    Setting{"listen_port", &S::listen_port, restart},
    Setting{"log_connections", &S::log_connections, reload},
    Setting{"log_disconnections", &S::log_disconnections, reload},
    Setting{"log_pooler_errors", &S::log_pooler_errors, reload},
    Setting{"log_stats", &S::log_stats, reload},
    Setting{"logfile", &S::logfile, reload},
    Setting{"machines", &S::machines, restart, 1, machines_max},
    Setting{"max_client_conn", &S::max_client_conn, reload, 1, connections_max},
    Setting{"max_db_connections", &S::max_db_connections, reload, 0, connections_max},
    Setting{"max_pinned", &S::max_pinned, reload, 0, connections_max},
    Setting{"max_prepared_statements", &S::max_prepared_statements, reload, 0, prepared_statements_max},
    Setting{"max_user_connections", &S::max_user_connections, reload, 0, connections_max},
    Setting{"min_pool_size", &S::min_pool_size, reload, 0, connections_max},
    Setting{"pool_mode", &S::pool_mode, reload},
    Setting{"query_timeout", &S::query_timeout, reload, 0, seconds_max},
    Setting{"query_wait_timeout", &S::query_wait_timeout, reload, 0, seconds_max},
    Setting{"reserve_pool_size", &S::reserve_pool_size, reload, 0, connections_max},
    Setting{"reserve_pool_timeout", &S::reserve_pool_timeout, reload, 0, seconds_max},
    Setting{"retry_prepared_statements", &S::retry_prepared_statements, reload},
    Setting{"server_check_delay", &S::server_check_delay, reload, 0, seconds_max},
    Setting{"server_check_query", &S::server_check_query, reload},
    Setting{"server_cleartext_password", &S::server_cleartext_password, reload},
    Setting{"server_connect_timeout", &S::server_connect_timeout, reload, 0, seconds_max},
    Setting{"server_idle_timeout", &S::server_idle_timeout, reload, 0, seconds_max},
    Setting{"server_lifetime", &S::server_lifetime, reload, 0, seconds_max},
    Setting{"server_login_retry", &S::server_login_retry, reload, 0, seconds_max},
    Setting{"server_reset_query", &S::server_reset_query, reload},
    Setting{"server_reset_query_always", &S::server_reset_query_always, reload},
    Setting{"session_state", &S::session_state, reload},
    Setting{"stats_period", &S::stats_period, reload, 1, seconds_max},
    Setting{"stats_users", &S::stats_users, reload},
    Setting{"tcp_keepalive", &S::tcp_keepalive, reload},
    // What Linux takes for the next three; 0 leaves the system's own value.
    Setting{"tcp_keepcnt", &S::tcp_keepcnt, reload, 0, 127},
    Setting{"tcp_keepidle", &S::tcp_keepidle, reload, 0, 32767, "seconds"},
    Setting{"tcp_keepintvl", &S::tcp_keepintvl, reload, 0, 32767, "seconds"},
    Setting{"tcp_user_timeout", &S::tcp_user_timeout, reload, 0, 2147483647, "milliseconds"},
    Setting{"transaction_timeout", &S::transaction_timeout, reload, 0, seconds_max},
    Setting{"unix_socket_dir", &S::unix_socket_dir, restart},
    Setting{"unix_socket_mode", &S::unix_socket_mode, restart},
    Setting{"verbose", &S::verbose, reload, 0, 9},
});
// clang-format on

static_assert(std::ranges::is_sorted(table, {}, &Setting::name), "find_setting searches by halves");

std::unexpected<std::string> refused(const Setting& setting) {
  return std::unexpected(join("expected ", allowed(setting)));
}

// One reader a type: nothing when the text is not allowed.
std::optional<std::int32_t> read(const Setting& setting, std::string_view text, std::int32_t) {
  const auto number = count_of(text, setting.min, setting.max);
  return number ? std::optional(static_cast<std::int32_t>(*number)) : std::nullopt;
}
std::optional<std::uint16_t> read(const Setting&, std::string_view text, std::uint16_t) {
  const auto number = count_of(text, 1, 65535);
  return number ? std::optional(static_cast<std::uint16_t>(*number)) : std::nullopt;
}
std::optional<std::uint32_t> read(const Setting&, std::string_view text, std::uint32_t) {
  return mode_of(text);
}
std::optional<std::uint8_t> read(const Setting& setting, std::string_view text, std::uint8_t) {
  if (same_word(text, "auto")) return machines_auto;
  const auto number = count_of(text, setting.min, setting.max);
  return number ? std::optional(static_cast<std::uint8_t>(*number)) : std::nullopt;
}
std::optional<bool> read(const Setting&, std::string_view text, bool) { return boolean_of(text); }
std::optional<Duration> read(const Setting& setting, std::string_view text, Duration) {
  return seconds_of(text, setting.min, setting.max);
}
std::optional<std::string> read(const Setting&, std::string_view text, const std::string&) {
  return has_control_character(text) ? std::nullopt : std::optional(std::string(text));
}
std::optional<std::vector<std::string>> read(const Setting&, std::string_view text,
                                             const std::vector<std::string>&) {
  return has_control_character(text) ? std::nullopt : list_of(text);
}
// md5 stands for "a password", and pgweir always asks for it by SCRAM.
std::optional<AuthType> read(const Setting&, std::string_view text, AuthType) {
  if (same_word(text, "trust")) return AuthType::trust;
  if (same_word(text, "scram-sha-256") || same_word(text, "md5")) return AuthType::scram_sha_256;
  return std::nullopt;
}
std::optional<PoolMode> read(const Setting&, std::string_view text, PoolMode) {
  for (const PoolMode mode : {PoolMode::session, PoolMode::transaction, PoolMode::statement}) {
    if (same_word(text, text_of(mode))) return mode;
  }
  return std::nullopt;
}
std::optional<SessionStatePolicy> read(const Setting&, std::string_view text, SessionStatePolicy) {
  if (same_word(text, "reset")) return SessionStatePolicy::reset;
  if (same_word(text, "pin")) return SessionStatePolicy::pin;
  if (same_word(text, "error")) return SessionStatePolicy::error;
  return std::nullopt;
}

// One printer a type.
std::string print(std::int32_t number) { return join(number); }
std::string print(std::uint16_t number) { return join(number); }
std::string print(std::uint32_t mode) { return text_of_mode(mode); }
std::string print(std::uint8_t machines) {
  return machines == machines_auto ? "auto" : join(std::uint32_t{machines});
}
std::string print(bool on) { return on ? "1" : "0"; }
std::string print(Duration duration) { return text_of_seconds(duration); }
std::string print(const std::string& text) { return text; }
std::string print(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) {
    if (!out.empty()) out += ", ";
    out += item;
  }
  return out;
}
std::string print(AuthType type) {
  switch (type) {
    case AuthType::trust: return "trust";
    case AuthType::scram_sha_256: return "scram-sha-256";
  }
  return {};
}
std::string print(PoolMode mode) { return std::string(text_of(mode)); }
std::string print(SessionStatePolicy policy) {
  switch (policy) {
    case SessionStatePolicy::reset: return "reset";
    case SessionStatePolicy::pin: return "pin";
    case SessionStatePolicy::error: return "error";
  }
  return {};
}

}  // namespace

std::span<const Setting> all_settings() { return table; }

const Setting* find_setting(std::string_view name) {
  const auto at = std::ranges::lower_bound(table, name, {}, &Setting::name);
  return at != table.end() && at->name == name ? &*at : nullptr;
}

std::expected<void, std::string> set(Settings& settings, std::string_view name,
                                     std::string_view text) {
  const Setting* setting = find_setting(name);
  if (setting == nullptr) {
    std::array<std::string_view, table.size()> names;
    std::ranges::transform(table, names.begin(), &Setting::name);
    return std::unexpected(join("there is no such setting", suggestion(name, names)));
  }
  const bool read_whole = std::visit(
      [&](auto member) {
        auto read_value = read(*setting, text, settings.*member);
        if (read_value) settings.*member = std::move(*read_value);
        return read_value.has_value();
      },
      setting->field);
  if (!read_whole) return refused(*setting);
  return {};
}

std::expected<void, std::string> set(Settings& settings, const Setting& setting,
                                     std::vector<std::string> items) {
  for (const std::string& item : items) {
    if (item.empty() || has_control_character(item)) return refused(setting);
  }
  settings.*std::get<std::vector<std::string> Settings::*>(setting.field) = std::move(items);
  return {};
}

std::string value(const Settings& settings, const Setting& setting) {
  return std::visit([&](auto member) { return print(settings.*member); }, setting.field);
}

std::string default_value(const Setting& setting) { return value(Settings{}, setting); }

std::string allowed(const Setting& setting) {
  switch (setting.kind()) {
    case SettingKind::count:
      return join("a whole number ", setting.unit.empty() ? "" : "of ", setting.unit,
                  setting.unit.empty() ? "" : " ", "from ", setting.min, " to ", setting.max);
    case SettingKind::port: return "a port number from 1 to 65535";
    case SettingKind::mode: return "a file mode in octal digits, at most 0777";
    case SettingKind::machines:
      return join("auto, or a whole number from ", setting.min, " to ", setting.max);
    case SettingKind::boolean: return "1 or 0 (or true, false, yes, no, on, off)";
    case SettingKind::duration:
      return join("a number of seconds such as 15 or 0.25, without a unit, from ", setting.min,
                  " to ", setting.max);
    case SettingKind::text: return "text without control characters";
    case SettingKind::list: return "a list with commas between its items";
    case SettingKind::auth_type:
      return "scram-sha-256, md5 or trust (PgBouncer's others are not supported yet)";
    case SettingKind::pool_mode: return "session, transaction or statement";
    case SettingKind::session_state: return "reset, pin or error";
  }
  return {};
}

std::string_view text_of(PoolMode mode) {
  switch (mode) {
    case PoolMode::statement: return "statement";
    case PoolMode::transaction: return "transaction";
    case PoolMode::session: return "session";
  }
  return {};
}

std::expected<PoolMode, std::string> pool_mode_of(std::string_view text) {
  const Setting& setting = *find_setting("pool_mode");
  const auto mode = read(setting, text, PoolMode::transaction);
  if (!mode) return refused(setting);
  return *mode;
}

std::expected<SessionStatePolicy, std::string> session_state_of(std::string_view text) {
  const Setting& setting = *find_setting("session_state");
  const auto policy = read(setting, text, SessionStatePolicy::pin);
  if (!policy) return refused(setting);
  return *policy;
}

}  // namespace pgweir::config
