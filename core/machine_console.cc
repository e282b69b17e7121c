// The admin database: the simple protocol, one command at a time (features of PgBouncer's console).
#include <algorithm>

#include "core/base/text.h"
#include "core/config/setting_table.h"
#include "core/console/show.h"
#include "core/machine_core.h"
#include "core/version.h"
#include "core/wire/writer.h"

namespace pgweir {

using session::ClientState;
using session::ServerState;
using wire::BackendType;
using wire::FrontendType;

namespace {

template <class Count>
std::int32_t shown(Count count) {
  return static_cast<std::int32_t>(std::min<std::uint64_t>(count, INT32_MAX));
}

std::string_view state_name(ClientState state) {
  switch (state) {
    case ClientState::startup:
    case ClientState::authenticating:
    case ClientState::logging_in: return "login";
    case ClientState::idle: return "idle";
    case ClientState::waiting: return "waiting";
    case ClientState::active:
    case ClientState::console: return "active";
    case ClientState::closing: return "closing";
  }
  return "";
}

std::string_view state_name(ServerState state) {
  switch (state) {
    case ServerState::connecting:
    case ServerState::login: return "new";
    case ServerState::idle: return "idle";
    case ServerState::active: return "active";
    case ServerState::recovering: return "tested";
    case ServerState::settling: return "being_canceled";
    case ServerState::closing: return "closing";
  }
  return "";
}

std::optional<std::string_view> unless_empty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string_view>(text);
}

}  // namespace

console::Role Machine::Core::role_of(std::string_view user) const {
  if (contains(settings_.admin_users, user)) return console::Role::admin;
  if (contains(settings_.stats_users, user)) return console::Role::stats;
  return console::Role::none;
}

// Requires: authenticated.
void Machine::Core::console_welcome(Client& client) {
  const session::Login& login = *client.login;
  const bool own = login.user == "pgbouncer" && client.uid == seat_.uid &&
                   client.peer.family == Endpoint::Family::unix_socket;
  const console::Role role = own ? console::Role::admin : role_of(login.user);
  if (role == console::Role::none) {
    return fail_client(client, {sqlstate::insufficient_privilege,
                                join("user \"", login.user, "\" may not use the admin database"),
                                "Name the user in admin_users or stats_users."});
  }
  client.console = std::make_unique<session::Console>();
  client.console->user = login.user;
  client.console->admin = role == console::Role::admin;
  std::string& message = out_.scratch();
  write_authentication(message, wire::Authentication::ok);
  for (const auto& [name, value] :
       std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"server_version", "1.25.0/pgweir"},
           {"client_encoding", "UTF8"},
           {"server_encoding", "UTF8"},
           {"DateStyle", "ISO"},
           {"TimeZone", "GMT"},
           {"standard_conforming_strings", "on"},
           {"is_superuser", "on"}}) {
    wire::write_parameter_status(message, name, value);
  }
  wire::write_ready(message, wire::TransactionStatus::idle);
  out_.send_copy(client.socket(), message);
  client.login.reset();
  client.become(ClientState::console, now_);
  ++console_count_;
  update_reading(client);
}

void Machine::Core::console_bytes(Client& client, Bytes bytes) {
  if (client.blocked || client.congested) return client.stream.hold(bytes);
  if (!client.stream.held.empty()) {
    client.stream.hold(bytes);
    bytes = client.stream.take_held(out_.arena());
  }
  const auto whole = [](const wire::Header& header) {
    return std::min(header.body_size, static_cast<std::uint32_t>(limits::console_command_size_max));
  };
  for (std::size_t commands = 0; !bytes.empty() && client.state == ClientState::console;
       ++commands) {
    if (client.blocked) return client.stream.hold(bytes);
    if (commands == limits::console_commands_at_once_max) {
      return fail_client(client, {sqlstate::program_limit_exceeded,
                                  join("more than ", limits::console_commands_at_once_max,
                                       " console commands were sent at once"),
                                  "Wait for an answer before the next command."});
    }
    session::Opening message{};
    switch (open_message(client.stream, bytes, out_.arena(), whole, message)) {
      case session::Opened::incomplete: return;
      case session::Opened::invalid:
        return close_client(client, effect::CloseWhen::now, "wrong message length");
      case session::Opened::message: break;
    }
    if (!message.whole()) {
      return fail_client(client, {sqlstate::program_limit_exceeded,
                                  join("a console command is longer than ",
                                       limits::console_command_size_max, " bytes")});
    }
    console_message(client, message);
  }
}

void Machine::Core::console_message(Client& client, const session::Opening& message) {
  const auto type = static_cast<FrontendType>(message.header.type);
  if (type == FrontendType::terminate) {
    return client_left(client);
  }
  std::string answer;
  if (type == FrontendType::sync) {
    client.skipping = false;
    wire::write_ready(answer, wire::TransactionStatus::idle);
  } else if (type == FrontendType::query) {
    if (client.skipping) return;
    const std::string_view text = text_of(message.body());
    if (text.empty() || text.find('\0') != text.size() - 1) {
      wire::write_error(answer, wire::ErrorSeverity::error,
                        {sqlstate::protocol_violation, "invalid string in message"});
      wire::write_ready(answer, wire::TransactionStatus::idle);
    } else {
      return console_command(client, text.substr(0, text.size() - 1));
    }
  } else if (type != FrontendType::flush) {
    if (client.skipping) return;
    client.skipping = true;
    wire::write_error(answer, wire::ErrorSeverity::error,
                      {sqlstate::feature_not_supported,
                       "the admin database speaks the simple query protocol only",
                       "Use psql, or let the driver use simple queries."});
  }
  if (!answer.empty()) out_.send_copy(client.socket(), answer);
}

void Machine::Core::console_command(Client& client, std::string_view text) {
  const console::Role role = client.console->admin ? console::Role::admin : console::Role::stats;
  const auto parsed = console::parse_command(text);
  if (parsed && console::allowed(*parsed, role)) return run(client, *parsed);
  std::string answer;
  wire::write_error(answer, wire::ErrorSeverity::error,
                    parsed ? console::not_allowed(*parsed) : parsed.error());
  wire::write_ready(answer, wire::TransactionStatus::idle);
  out_.send_copy(client.socket(), answer);
}

void Machine::Core::run(Client& client, console::Command command) {
  std::string answer;
  const auto complete = [&](std::string_view tag) {
    wire::Writer(answer).begin(BackendType::command_complete).text(tag).end();
  };
  switch (command) {
    case console::Command::empty:
      wire::Writer(answer).begin(BackendType::empty_query_response).end();
      break;
    case console::Command::set: complete("SET"); break;
    case console::Command::show_help:
      wire::write_notice(answer, console::help_text());
      complete("SHOW");
      break;
    case console::Command::show_pools:
    case console::Command::show_clients:
    case console::Command::show_servers:
    case console::Command::show_stats:
    case console::Command::show_databases:
    case console::Command::show_users: return begin_show(client, command);
    case console::Command::show_config: show_config(answer); break;
    case console::Command::show_version: console::show_version(answer, version); break;
    case console::Command::reload:
      reloading_.push_back(client.self);
      client.blocked = true;
      update_reading(client);
      return reload();
  }
  wire::write_ready(answer, wire::TransactionStatus::idle);
  out_.send_copy(client.socket(), answer);
}

// Nothing more is heard of it until all machines have said what they have.
void Machine::Core::begin_show(Client& client, console::Command what) {
  client.blocked = true;
  gather(client.self, what);
  if (client.blocked) update_reading(client);
}

void Machine::Core::answer_reload(ClientHandle asker, const PgError* error) {
  Client* client = clients_.find(asker);
  if (client == nullptr || client->state != ClientState::console) return;
  std::string answer;
  if (error != nullptr) {
    wire::write_error(answer, wire::ErrorSeverity::error, *error);
  } else {
    wire::Writer(answer).begin(BackendType::command_complete).text("RELOAD").end();
  }
  wire::write_ready(answer, wire::TransactionStatus::idle);
  out_.send_copy(client->socket(), answer);
  continue_client(*client);
  end_if_done(*client);
}

// What all machines have said to its SHOW.
void Machine::Core::show(Client& client, console::Command what, const seats::Rows& rows) {
  std::string answer;
  switch (what) {
    case console::Command::show_pools: console::show_pools(answer, rows.pools); break;
    case console::Command::show_clients: console::show_clients(answer, rows.sockets); break;
    case console::Command::show_servers: console::show_servers(answer, rows.sockets); break;
    case console::Command::show_stats: console::show_stats(answer, rows.stats); break;
    case console::Command::show_databases: console::show_databases(answer, rows.databases); break;
    case console::Command::show_users: console::show_users(answer, rows.users); break;
    case console::Command::empty:
    case console::Command::set:
    case console::Command::show_help:
    case console::Command::show_config:
    case console::Command::show_version:
    case console::Command::reload: break;
  }
  wire::write_ready(answer, wire::TransactionStatus::idle);
  out_.send_copy(client.socket(), answer);
}

// What this machine has to say to a SHOW.
seats::Rows Machine::Core::rows_of(console::Command what) const {
  seats::Rows rows;
  switch (what) {
    case console::Command::show_pools: rows.pools = pool_rows(); break;
    case console::Command::show_clients: rows.sockets = client_rows(); break;
    case console::Command::show_servers: rows.sockets = server_rows(); break;
    case console::Command::show_stats:
      rows.stats = stats_rows();
      rows.half_message_lost = half_message_lost_total_;
      rows.protocol_desync = protocol_desync_total_;
      rows.foreign_cancels = foreign_cancels_total_;
      break;
    case console::Command::show_databases: rows.databases = database_rows(); break;
    case console::Command::show_users: rows.users = user_rows(); break;
    case console::Command::empty:
    case console::Command::set:
    case console::Command::show_help:
    case console::Command::show_config:
    case console::Command::show_version:
    case console::Command::reload: break;
  }
  return rows;
}

std::vector<console::PoolRow> Machine::Core::pool_rows() const {
  std::vector<console::PoolRow> rows;
  std::map<PoolHandle, std::size_t> row_of;
  pools_.each([&](PoolHandle handle, const Pool& pool) {
    row_of[handle] = rows.size();
    console::PoolRow& row = rows.emplace_back();
    row.database = pool.database->settings.name;
    row.user = pool.user->name;
    row.pool_mode =
        config::text_of(pool_mode_for(pool.database->settings, pool.user->name, settings_));
    row.cl_waiting = shown(pool.waiting.size() + pool.logging_in.size() + pool.replicating.size());
    row.cl_active = shown(pool.client_count) - row.cl_waiting;
    row.sv_login = shown(pool.connecting_count);
    row.sv_pinned = shown(pool.pinned_count);
    const Client* replicating = clients_.find(pool.replicating.first());
    const Instant oldest =
        std::min(oldest_wait(pool), replicating != nullptr ? replicating->request_at : never);
    if (oldest != never) row.maxwait = now_ - oldest;
  });
  servers_.each([&](ServerHandle, const Server& server) {
    console::PoolRow& row = rows[row_of[server.pool]];
    switch (server.state) {
      case ServerState::active: ++row.sv_active; break;
      case ServerState::idle: ++(is_unchecked(server) ? row.sv_used : row.sv_idle); break;
      case ServerState::recovering: ++row.sv_tested; break;
      case ServerState::settling: ++(server.offered ? row.sv_idle : row.sv_being_canceled); break;
      case ServerState::connecting:
      case ServerState::login:
      case ServerState::closing: break;
    }
  });
  cancellers_.each([&](CancelHandle, const Canceller& canceller) {
    if (const Server* server = servers_.find(canceller.target)) {
      ++rows[row_of[server->pool]].sv_active_cancel;
    }
  });
  return rows;
}

// What the rows of clients and of servers have in common.
template <class Socket>
console::SocketRow Machine::Core::socket_row(const Socket& socket, const Pool* pool) const {
  console::SocketRow row;
  row.machine = seat_.machine;
  row.socket = socket.socket();
  row.database = pool != nullptr ? std::string_view(pool->database->settings.name) : "pgbouncer";
  row.state = state_name(socket.state);
  row.local = socket.local;
  row.connect_time = socket.connected_at.time_since_epoch() + wall_offset_;
  row.application_name = values_.text(socket.parameters[0]);
  static_assert(session::tracked_parameters[0] == "application_name");
  row.id = shown(std::uint32_t{seat_.machine} << 24 | (socket.self.slot + 1));
  return row;
}

std::vector<console::SocketRow> Machine::Core::client_rows() const {
  std::vector<console::SocketRow> rows;
  clients_.each([&](ClientHandle, const Client& client) {
    if (client.state == ClientState::closing || client.user == session::no_value) return;
    console::SocketRow& row = rows.emplace_back(socket_row(client, pools_.find(client.pool)));
    row.user = values_.text(client.user);
    row.replication = session::name_of(client.replication);
    row.remote = client.peer;
    row.request_time =
        std::max(client.request_at, client.connected_at).time_since_epoch() + wall_offset_;
    if (client.state == ClientState::waiting) row.wait = now_ - client.request_at;
    if (const Server* server = servers_.find(client.server)) {
      row.link = server->socket();
      if (server->pinned) row.pinned_by = server->pinned_by;
    }
  });
  return rows;
}

std::vector<console::SocketRow> Machine::Core::server_rows() const {
  std::vector<console::SocketRow> rows;
  servers_.each([&](ServerHandle, const Server& server) {
    const Pool* pool = pools_.find(server.pool);
    console::SocketRow& row = rows.emplace_back(socket_row(server, pool));
    row.user = pool->user->name;
    row.replication = session::name_of(server.replication);
    if (server.offered) row.state = state_name(ServerState::idle);
    if (server.state == ServerState::idle && is_unchecked(server)) row.state = "used";
    row.remote = server.endpoint;
    row.request_time = server.state_at.time_since_epoch() + wall_offset_;
    row.close_needed = server.stale;
    row.remote_pid = static_cast<std::int32_t>(server.backend_pid);
    if (server.client) row.link = socket_of(server.client);
    if (server.pinned) row.pinned_by = server.pinned_by;
  });
  return rows;
}

std::vector<console::StatsRow> Machine::Core::stats_rows() const {
  std::vector<console::StatsRow> rows;
  for (const auto& [name, database] : databases_) {
    rows.push_back({name, database.totals, database.last_period, last_period_});
  }
  return rows;
}

std::vector<console::DatabaseRow> Machine::Core::database_rows() const {
  std::vector<console::DatabaseRow> rows;
  for (const auto& [name, database] : databases_) {
    const DatabaseSettings& settings = database.settings;
    console::DatabaseRow& row = rows.emplace_back();
    row.name = name;
    row.host = unless_empty(settings.host);
    row.port = settings.port;
    row.database = settings.dbname.empty() ? settings.name : settings.dbname;
    row.force_user = unless_empty(settings.user);
    row.pool_size = settings.pool_size.value_or(settings_.default_pool_size);
    row.min_pool_size = settings.min_pool_size.value_or(settings_.min_pool_size);
    row.reserve_pool_size = settings.reserve_pool_size.value_or(settings_.reserve_pool_size);
    row.server_lifetime = settings_.server_lifetime;
    if (settings.pool_mode) row.pool_mode = config::text_of(*settings.pool_mode);
    row.max_connections = settings.max_db_connections != 0 ? settings.max_db_connections
                                                           : settings_.max_db_connections;
    row.current_connections = shown(database.server_count);
    row.current_client_connections = shown(database.client_count);
  }
  return rows;
}

std::vector<console::UserRow> Machine::Core::user_rows() const {
  std::vector<console::UserRow> rows;
  const auto add = [&](std::string_view name, const UserSettings& settings) {
    console::UserRow& row = rows.emplace_back();
    row.name = name;
    row.pool_size = settings.pool_size;
    if (settings.pool_mode) row.pool_mode = config::text_of(*settings.pool_mode);
    row.max_user_connections = settings.max_user_connections != 0 ? settings.max_user_connections
                                                                  : settings_.max_user_connections;
    if (const auto user = users_.find(name); user != users_.end()) {
      row.current_connections = shown(user->second.server_count);
      row.current_client_connections = shown(user->second.client_count);
    }
  };
  for (const UserSettings& settings : settings_.users) {
    if (settings.name != "*") add(settings.name, settings);
  }
  if (const UserSettings* any = find_user(settings_, "*")) {
    for (const auto& [name, user] : users_) {
      if (find_user(settings_, name) == nullptr) add(name, *any);
    }
  }
  return rows;
}

void Machine::Core::show_config(std::string& out) const {
  std::vector<std::string> texts;
  texts.reserve(2 * config::all_settings().size());
  std::vector<console::ConfigRow> rows;
  for (const config::Setting& setting : config::all_settings()) {
    const std::string& value = texts.emplace_back(config::value(settings_, setting));
    const std::string& standard = texts.emplace_back(config::default_value(setting));
    rows.push_back({setting.name, value, standard, setting.changeable});
  }
  console::show_config(out, rows);
}

}  // namespace pgweir
