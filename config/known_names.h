// The names files may use besides those of core/config/setting_table.h: sections, keys of databases
// and users, and every name PgBouncer knows that pgweir does not support yet.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pgweir::config {

enum class DatabaseKey : std::uint8_t {
  host,
  port,
  dbname,
  user,
  password,
  pool_size,
  min_pool_size,
  reserve_pool_size,
  max_db_connections,
  pool_mode,
  session_state,
  application_name,
  client_encoding,
  connect_query,
  datestyle,
  timezone,
  unsupported,
  unknown,
};

enum class UserKey : std::uint8_t {
  password,
  pool_size,
  max_user_connections,
  pool_mode,
  unsupported,
  unknown,
};

DatabaseKey database_key(std::string_view name);
UserKey user_key(std::string_view name);

// A global setting of PgBouncer that has no effect here.
bool is_unsupported_setting(std::string_view name);

// For suggestions. The names of settings include those not supported.
std::vector<std::string_view> setting_names();
std::vector<std::string_view> database_key_names();
std::vector<std::string_view> user_key_names();

inline constexpr std::string_view client_tls_sslmode = "client_tls_sslmode";
inline constexpr std::string_view server_tls_sslmode = "server_tls_sslmode";

}  // namespace pgweir::config
