// The typed settings: plain structs with PgBouncer's names and defaults. They are complete and
// valid by the time a Machine sees them (config/ reads files, setting_table.h holds names and
// bounds). A duration of zero means off, a count of zero unlimited, unless its line says otherwise.
// Secrets are not here: a CredentialId names one that the vault keeps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace pgweir {

using namespace std::chrono_literals;

// Names a secret in the vault. 0: there is none.
using CredentialId = std::uint32_t;
inline constexpr CredentialId no_credential = 0;

// As many machines as the process may use cores.
inline constexpr std::uint8_t machines_auto = 0;
inline constexpr std::uint8_t machines_max = 64;

// How long a client keeps its server: until its statement is over (and a transaction is refused),
// or its transaction, or until it goes.
enum class PoolMode : std::uint8_t { statement, transaction, session };
// What becomes of what a client leaves in its server's session: nobody gets the server before it is
// reset, or it stays with its client, or the client is refused it.
enum class SessionStatePolicy : std::uint8_t { reset, pin, error };
enum class AuthType : std::uint8_t { trust, scram_sha_256 };

// PgBouncer's word, in server_check_query, for a query without a statement.
inline constexpr std::string_view empty_query = "<empty>";

// What a name in a client's startup packet means: where its servers are and how many there may be.
struct DatabaseSettings {
  std::string name;       // as clients say it; "*" for the one that stands for all others
  std::string host = {};  // name, address, or a directory for unix sockets
  std::uint16_t port = 5432;
  std::string dbname = {};  // as PostgreSQL says it; empty: the same as name
  std::string user = {};    // every client's servers log in as this one; empty: the client's
  CredentialId credential = no_credential;  // that user's, from password=
  std::optional<std::int32_t> pool_size = {};
  std::optional<std::int32_t> min_pool_size = {};
  std::optional<std::int32_t> reserve_pool_size = {};
  std::int32_t max_db_connections = 0;  // 0: the global one
  std::optional<PoolMode> pool_mode = {};
  std::optional<SessionStatePolicy> session_state = {};
  // What each of its servers is asked for in its startup packet; clients that ask for something
  // else themselves have that. And what it is asked before anybody gets it.
  std::string client_encoding = {};
  std::string datestyle = {};
  std::string timezone = {};
  std::string application_name = {};
  std::string connect_query = {};

  bool operator==(const DatabaseSettings&) const = default;
};

// Who may log in, and this user's own limits.
struct UserSettings {
  std::string name;  // as clients say it; "*" for the one that stands for all others
  CredentialId credential = no_credential;
  std::optional<std::int32_t> pool_size = {};
  std::optional<PoolMode> pool_mode = {};
  std::int32_t max_user_connections = 0;  // 0: the global one

  bool operator==(const UserSettings&) const = default;
};

struct Settings {
  // Where clients connect, and on how many cores they are served; changing these needs a restart.
  std::vector<std::string> listen_addr;  // addresses or "*"; empty: unix sockets only
  std::uint16_t listen_port = 6432;
  std::int32_t listen_backlog = 1024;
  std::string unix_socket_dir = "/tmp";  // empty: none
  std::uint32_t unix_socket_mode = 0777;
  std::uint8_t machines = machines_auto;

  // Who may connect.
  AuthType auth_type = AuthType::scram_sha_256;
  std::string auth_file;
  std::vector<std::string> admin_users;
  std::vector<std::string> stats_users;
  std::vector<std::string> ignore_startup_parameters;
  bool server_cleartext_password = false;  // may a server be told the password itself

  // How many.
  PoolMode pool_mode = PoolMode::transaction;
  std::int32_t max_client_conn = 100;
  std::int32_t default_pool_size = 20;
  std::int32_t min_pool_size = 0;
  std::int32_t reserve_pool_size = 0;
  Duration reserve_pool_timeout = 5s;
  std::int32_t max_db_connections = 0;
  std::int32_t max_prepared_statements = 200;  // of a server; 0: none by name
  bool retry_prepared_statements = false;      // once, where a table they use has changed
  std::int32_t max_user_connections = 0;

  // What clients leave in sessions.
  SessionStatePolicy session_state = SessionStatePolicy::pin;
  std::int32_t max_pinned = 0;                     // servers of a pool, at each machine
  std::string server_reset_query = "DISCARD ALL";  // empty: the server is closed instead
  bool server_reset_query_always = false;          // after every transaction

  // Whether a server that has said nothing for so long is still there is asked before a client gets
  // it.
  std::string server_check_query = std::string(empty_query);  // empty: nothing is asked
  Duration server_check_delay = 30s;

  // How long.
  Duration client_login_timeout = 60s;
  Duration query_wait_timeout = 120s;
  Duration query_timeout = 0s;
  Duration client_idle_timeout = 0s;
  Duration idle_transaction_timeout = 0s;
  Duration transaction_timeout = 0s;
  Duration server_connect_timeout = 15s;
  Duration server_idle_timeout = 600s;
  Duration autodb_idle_timeout = 3600s;  // of the databases that "*" stands for
  Duration server_lifetime = 3600s;
  Duration server_login_retry = 15s;  // the longest pause between attempts after failures
  Duration cancel_wait_timeout = 10s;
  Duration dns_max_ttl = 15s;
  Duration handover_slack = 1ms;  // between machines, what a wait may be longer; zero: nothing
  Duration stats_period = 60s;

  // Sockets.
  bool tcp_keepalive = true;
  std::int32_t tcp_keepidle = 60;   // seconds
  std::int32_t tcp_keepintvl = 10;  // seconds
  std::int32_t tcp_keepcnt = 3;
  std::int32_t tcp_user_timeout = 30000;  // milliseconds

  // The log.
  std::string logfile;  // empty: standard error
  bool log_connections = true;
  bool log_disconnections = true;
  bool log_pooler_errors = true;
  bool log_stats = true;
  std::int32_t verbose = 0;

  std::vector<DatabaseSettings> databases;  // sorted by name, unique
  std::vector<UserSettings> users;          // sorted by name, unique

  bool operator==(const Settings&) const = default;
};

// Nothing when there is none of that name. Neither falls back to "*".
const DatabaseSettings* find_database(const Settings& settings, std::string_view name);
const UserSettings* find_user(const Settings& settings, std::string_view name);
// What is said of this user: in its own line, or in that of "*", which stands for all who have
// none.
const UserSettings* line_of_user(const Settings& settings, std::string_view name);

// By PgBouncer's precedence: the user who logs in, the database, the global one.
PoolMode pool_mode_for(const DatabaseSettings& database, std::string_view user,
                       const Settings& settings);

}  // namespace pgweir
