#include "config/known_names.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/config/setting_table.h"

namespace pgweir::config {

namespace {

using Name = std::string_view;

constexpr std::array database_keys = {
    std::pair{Name("host"), DatabaseKey::host},
    std::pair{Name("port"), DatabaseKey::port},
    std::pair{Name("dbname"), DatabaseKey::dbname},
    std::pair{Name("user"), DatabaseKey::user},
    std::pair{Name("password"), DatabaseKey::password},
    std::pair{Name("pool_size"), DatabaseKey::pool_size},
    std::pair{Name("min_pool_size"), DatabaseKey::min_pool_size},
    std::pair{Name("reserve_pool_size"), DatabaseKey::reserve_pool_size},
    std::pair{Name("reserve_pool"), DatabaseKey::reserve_pool_size},  // its name before 1.24
    std::pair{Name("max_db_connections"), DatabaseKey::max_db_connections},
    std::pair{Name("pool_mode"), DatabaseKey::pool_mode},
    std::pair{Name("session_state"), DatabaseKey::session_state},
    std::pair{Name("application_name"), DatabaseKey::application_name},
    std::pair{Name("auth_dbname"), DatabaseKey::unsupported},
    std::pair{Name("auth_query"), DatabaseKey::unsupported},
    std::pair{Name("auth_user"), DatabaseKey::unsupported},
    std::pair{Name("client_encoding"), DatabaseKey::client_encoding},
    std::pair{Name("connect_query"), DatabaseKey::connect_query},
    std::pair{Name("datestyle"), DatabaseKey::datestyle},
    std::pair{Name("load_balance_hosts"), DatabaseKey::unsupported},
    std::pair{Name("max_db_client_connections"), DatabaseKey::unsupported},
    std::pair{Name("query_wait_timeout"), DatabaseKey::unsupported},
    std::pair{Name("server_lifetime"), DatabaseKey::unsupported},
    std::pair{Name("timezone"), DatabaseKey::timezone},
};

constexpr std::array user_keys = {
    std::pair{Name("password"), UserKey::password},
    std::pair{Name("pool_size"), UserKey::pool_size},
    std::pair{Name("max_user_connections"), UserKey::max_user_connections},
    std::pair{Name("pool_mode"), UserKey::pool_mode},
    std::pair{Name("client_idle_timeout"), UserKey::unsupported},
    std::pair{Name("idle_transaction_timeout"), UserKey::unsupported},
    std::pair{Name("max_user_client_connections"), UserKey::unsupported},
    std::pair{Name("query_timeout"), UserKey::unsupported},
    std::pair{Name("query_wait_timeout"), UserKey::unsupported},
    std::pair{Name("reserve_pool_size"), UserKey::unsupported},
    std::pair{Name("transaction_timeout"), UserKey::unsupported},
};

// PgBouncer's HEAD of July 2026, without what pgweir has.
constexpr std::array<Name, 51> unsupported_settings = {
    "application_name_add_host",
    "auth_dbname",
    "auth_hba_file",
    "auth_ident_file",
    "auth_ldap_options",
    "auth_query",
    "auth_user",
    "client_tls13_ciphers",
    "client_tls_ca_file",
    "client_tls_cert_file",
    "client_tls_ciphers",
    "client_tls_dheparams",
    "client_tls_ecdhcurve",
    "client_tls_key_file",
    "client_tls_protocols",
    "conffile",
    "disable_pqexec",
    "dns_nxdomain_ttl",
    "dns_zone_check_period",
    "job_name",
    "login_notify_message",
    "max_db_client_connections",
    "max_packet_size",
    "max_user_client_connections",
    "peer_id",
    "pidfile",
    "pkt_buf",
    "pool_idle_timeout",
    "query_wait_notify",
    "resolv_conf",
    "sbuf_loopcnt",
    "scram_iterations",
    "server_fast_close",
    "server_round_robin",
    "server_tls13_ciphers",
    "server_tls_ca_file",
    "server_tls_cert_file",
    "server_tls_ciphers",
    "server_tls_key_file",
    "server_tls_protocols",
    "service_name",
    "so_reuseport",
    "suspend_timeout",
    "syslog",
    "syslog_facility",
    "syslog_ident",
    "tcp_defer_accept",
    "tcp_socket_buffer",
    "track_extra_parameters",
    "unix_socket_group",
    "user",
};

static_assert(std::ranges::is_sorted(unsupported_settings), "searched by halves");

template <class Keys>
auto find_key(const Keys& keys, std::string_view name) {
  using Key = decltype(keys.front().second);
  const auto at = std::ranges::find(keys, name, [](const auto& entry) { return entry.first; });
  return at == keys.end() ? Key::unknown : at->second;
}

template <class Keys>
std::vector<Name> names_of(const Keys& keys) {
  std::vector<Name> names;
  for (const auto& entry : keys) names.push_back(entry.first);
  return names;
}

}  // namespace

DatabaseKey database_key(std::string_view name) { return find_key(database_keys, name); }
UserKey user_key(std::string_view name) { return find_key(user_keys, name); }

bool is_unsupported_setting(std::string_view name) {
  return std::ranges::binary_search(unsupported_settings, name);
}

std::vector<std::string_view> setting_names() {
  std::vector<Name> names(unsupported_settings.begin(), unsupported_settings.end());
  names.insert(names.end(), {client_tls_sslmode, server_tls_sslmode});
  for (const Setting& setting : all_settings()) names.push_back(setting.name);
  return names;
}
std::vector<std::string_view> database_key_names() { return names_of(database_keys); }
std::vector<std::string_view> user_key_names() { return names_of(user_keys); }

}  // namespace pgweir::config
