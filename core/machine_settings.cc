// Settings, and what is made from them: databases, users, pools and hosts; drain.
#include <algorithm>
#include <tuple>

#include "core/base/text.h"
#include "core/machine_core.h"

namespace pgweir {

using session::ClientState;
using session::ServerState;

// Nothing when the settings know no such database, by name or by "*".
Machine::Core::Database* Machine::Core::find_or_make_database(std::string_view name) {
  const auto known = databases_.find(name);
  if (known != databases_.end()) return known->second.removed ? nullptr : &known->second;
  const DatabaseSettings* any = find_database(settings_, "*");
  if (any == nullptr) return nullptr;
  Database& made = databases_[std::string(name)];
  made.automatic = true;
  made.settings = *any;
  made.settings.name = name;
  return &made;
}

pool::User& Machine::Core::user_named(std::string_view name) {
  const auto known = users_.find(name);
  if (known != users_.end()) return known->second;
  pool::User& made = users_[std::string(name)];
  made.name = name;
  return made;
}

Machine::Core::Pool& Machine::Core::pool_for(Database& database, std::string_view client_user) {
  const bool forced = !database.settings.user.empty();
  const std::string_view user = forced ? std::string_view(database.settings.user) : client_user;
  const auto key = std::pair(database.settings.name, std::string(user));
  const auto known = pool_index_.find(key);
  if (known != pool_index_.end()) return *pools_.find(known->second);
  return make_pool({database.settings.name, user, forced});
}

// Requires: there is none of that name. One that the settings do not lead clients to goes with its
// last server.
Machine::Core::Pool& Machine::Core::make_pool(const pool::PoolName& name) {
  Database* database = find_or_make_database(name.database);
  if (database == nullptr) {
    database = &databases_[std::string(name.database)];
    database->settings.name = name.database;
    database->removed = true;
  }
  const auto [handle, made] = pools_.emplace();
  made->self = handle;
  made->database = database;
  made->user = &user_named(name.user);
  made->forced_user = name.forced_user;
  made->timer = timers_.add({TimerOwner::Kind::pool, handle.slot, handle.generation});
  made->retired = !wanted(*made);
  if (!made->retired) {
    pool_index_.emplace(std::pair(database->settings.name, made->user->name), handle);
  }
  refresh(*made);
  return *made;
}

// What its servers' sessions begin with.
Machine::Core::StartupParameters Machine::Core::beginning_of(const DatabaseSettings& database) {
  StartupParameters parameters;
  for (const auto& [name, value] :
       {std::pair("client_encoding", &database.client_encoding),
        std::pair("datestyle", &database.datestyle), std::pair("timezone", &database.timezone),
        std::pair("application_name", &database.application_name)}) {
    if (!value->empty()) parameters.emplace_back(name, *value);
  }
  return parameters;
}

// What a pool takes from the settings.
void Machine::Core::refresh(Pool& pool) {
  pool.limits = pool::limits_of(pool.database->settings, pool.user->name, settings_);
  const UserSettings* user = find_user(settings_, pool.user->name);
  const CredentialId own = user != nullptr ? user->credential : no_credential;
  const CredentialId given = pool.database->settings.credential;
  pool.credential = pool.forced_user && given != no_credential ? given : own;
  // It may live on other machines now, and those know nothing of its wants.
  pool.tell_again = true;
  if (pool.known) introduce(pool);
  touch(pool);
}

// All of it or, being valid already, never part of it.
void Machine::Core::apply(Settings settings) {
  settings_ = std::move(settings);
  for (auto& [name, database] : databases_) {
    const DatabaseSettings* own = find_database(settings_, name);
    database.automatic = own == nullptr;
    if (own == nullptr) own = find_database(settings_, "*");
    apply_to(database, own);
  }
  for (const DatabaseSettings& line : settings_.databases) {
    if (line.name == "*" || databases_.contains(line.name)) continue;
    Database& made = databases_[line.name];
    made.settings = line;
  }
  for (auto& [name, database] : databases_) {
    // A forced user's pool is kept up even before the first client.
    const DatabaseSettings& line = database.settings;
    const bool filled = line.min_pool_size.value_or(settings_.min_pool_size) > 0;
    if (!database.removed && !line.user.empty() && filled && is_first_home(line)) {
      pool_for(database, line.user);
    }
  }
  ledger_.accounts.each([&](AccountHandle, pool::Account& account) { refresh(account); });
  pools_.each([&](PoolHandle, Pool& pool) { refresh(pool); });
  // What has pools goes with the last of them.
  std::erase_if(databases_, [&](const auto& entry) {
    bool used = !entry.second.removed;
    pools_.each([&](PoolHandle, const Pool& pool) { used |= pool.database == &entry.second; });
    return !used;
  });
  // Deadlines may have come nearer.
  clients_.each([&](ClientHandle, Client& client) { arm(client); });
  servers_.each([&](ServerHandle, Server& server) {
    arm(server);
    if (server.state == ServerState::idle) arm_unused(server);
  });
}

void Machine::Core::apply_to(Database& database, const DatabaseSettings* settings) {
  // Or what its servers begin with is another.
  const auto begins = [](const DatabaseSettings& line) {
    return std::tie(line.host, line.port, line.dbname, line.client_encoding, line.datestyle,
                    line.timezone, line.application_name, line.connect_query);
  };
  const bool elsewhere = settings != nullptr && begins(database.settings) != begins(*settings);
  database.removed = settings == nullptr;
  if (settings != nullptr) {
    std::string name = std::move(database.settings.name);
    database.settings = *settings;
    database.settings.name = std::move(name);
  }
  // One that is wanted may have the name of one that is not.
  pools_.each([&](PoolHandle, Pool& pool) {
    if (pool.database == &database && !wanted(pool)) retire(pool);
  });
  pools_.each([&](PoolHandle, Pool& pool) {
    if (pool.database == &database && wanted(pool)) take_back(pool);
  });
  if (elsewhere) {
    retire_servers(database);
  }
}

// Whether the settings lead clients to it.
bool Machine::Core::wanted(const Pool& pool) {
  const std::string& forced = pool.database->settings.user;
  return !pool.database->removed && (pool.forced_user ? forced == pool.user->name : forced.empty());
}

// New transactions go to the new place; transactions in progress end where they are.
void Machine::Core::retire_servers(Database& database) {
  pools_.each([&](PoolHandle, Pool& pool) {
    if (pool.database == &database) pool.known = false;
  });
  servers_.each([&](ServerHandle, Server& server) {
    if (pools_.find(server.pool)->database != &database) return;
    server.stale = true;
    if (Client* client = clients_.find(server.client);
        client != nullptr && may_be_sent_away(*client)) {
      return drain_client(*client);  // and the server with it
    }
    if (server.state != ServerState::active && server.state != ServerState::recovering) {
      if (server.state != ServerState::closing) close_server(server, "its settings changed");
    }
  });
}

// No new clients; those it has end their transaction and are told to connect again.
void Machine::Core::retire(Pool& pool) {
  if (pool.retired) return;
  pool.retired = true;
  pool_index_.erase(std::pair(pool.database->settings.name, pool.user->name));
  clients_.each([&](ClientHandle, Client& client) {
    if (client.pool != pool.self) return;
    if (client.state == ClientState::idle || client.state == ClientState::logging_in ||
        may_be_sent_away(client)) {
      drain_client(client);
    }
  });
  const std::vector<ServerHandle> idle = pool.idle;
  for (const ServerHandle handle : idle)
    close_server(*servers_.find(handle), "its pool was removed");
  touch(pool);
}

// Its database is back before the last of its clients and servers has gone: there is one pool of a
// name, within one limit.
void Machine::Core::take_back(Pool& pool) {
  if (!pool.retired) return;
  pool.retired = false;
  pool_index_.emplace(std::pair(pool.database->settings.name, pool.user->name), pool.self);
}

// Whether clients come by this name that no setting says. Who is forced on a database is no such.
bool Machine::Core::is_anybodys(const Pool& pool) const {
  return !pool.forced_user && find_user(settings_, pool.user->name) == nullptr;
}

// Pools, databases and users nobody needs any more: removed ones, and those "*" made.
void Machine::Core::collect(Pool& pool) {
  Database& database = *pool.database;
  const bool passing = pool.retired || database.automatic || database.removed || is_anybodys(pool);
  if (!passing || pool.client_count > 0 || pool.server_count > 0 || !pool.hungry.empty()) return;
  if (!pool.retired) pool_index_.erase(std::pair(database.settings.name, pool.user->name));
  pool::Hunger over;
  over.number = ++hunger_count_;
  report({pool.name(), epoch_, true, {}, over, {}, {}});
  if (!pool.hunger.nothing()) tell_hunger(pool, over, true);
  timers_.remove(pool.timer);
  values_.drop(pool.parameters);
  const pool::User* user = pool.user;
  const bool anybodys = is_anybodys(pool);
  pools_.erase(pool.self);
  bool used = !database.automatic && !database.removed;
  bool user_used = !anybodys;
  pools_.each([&](PoolHandle, const Pool& other) {
    used |= other.database == &database;
    user_used |= other.user == user;
  });
  if (!used) databases_.erase(database.settings.name);
  if (!user_used) users_.erase(user->name);
}

// Of those that "*" stands for servers go sooner than others once nobody wants the database.
void Machine::Core::database_unused(Database& database) {
  database.unused_since = now_;
  if (!database.automatic) return;
  servers_.each([&](ServerHandle, Server& server) {
    const bool is_its = pools_.find(server.pool)->database == &database;
    if (is_its && server.state == ServerState::idle) arm_unused(server);
  });
}

void Machine::Core::on(const event::Commanded& event) {
  switch (event.command) {
    case event::Command::reload: return reload();
    case event::Command::drain:
      if (draining_) return stop(1);
      return drain();
    case event::Command::stop_now: return stop(1);
  }
}

// No new clients; transactions end; then the process does.
void Machine::Core::drain() {
  draining_ = true;
  note(NoteKind::draining, Level::info, {}, nullptr, {});
  set_accepting();
  if (seat_.machine == 0) tell_others(seats::Drain{});
  clients_.each([&](ClientHandle, Client& client) {
    if (client.cancelling) return;
    switch (client.state) {
      case ClientState::startup:
      case ClientState::authenticating:
      case ClientState::logging_in:
        return fail_client(client, {sqlstate::cannot_connect_now, "pgweir is shutting down"});
      case ClientState::idle: return drain_client(client);
      case ClientState::active:
        if (may_be_sent_away(client)) drain_client(client);
        return;
      case ClientState::waiting:
      case ClientState::console:
      case ClientState::closing: return;
    }
  });
  for (std::uint8_t other = 0; other < seat_.machines; ++other) tell_who_came(other);
  exit_if_drained();
}

void Machine::Core::drain_client(Client& client) {
  if (draining_) {
    return fail_client(
        client, {sqlstate::admin_shutdown, "terminating connection because pgweir is shutting down",
                 "Connect again: another pooler takes over."});
  }
  fail_client(client,
              {sqlstate::admin_shutdown,
               "terminating connection because its database's settings changed", "Connect again."});
}

// When the last client is gone, the servers are told, and when they have let go, so do we.
void Machine::Core::exit_if_drained() {
  if (!draining_ || exited_ || clients_.size() > console_count_ || handed_over_count_ > 0) return;
  servers_.each([&](ServerHandle, Server& server) {
    if (server.state != ServerState::closing) close_server(server, "pgweir is shutting down");
  });
  if (servers_.size() > 0) return;
  if (seat_.machine == 0) {
    if (drained_count_ + 1 == seat_.machines) stop(0);
  } else {
    exited_ = true;
    tell(0, seats::Drained{});
  }
}

void Machine::Core::stop(int status) {
  if (exited_) return;
  exited_ = true;
  note(NoteKind::exiting, Level::info, {}, nullptr, {});
  out_.add(effect::Exit{status});
}

void Machine::Core::stats_due() {
  last_period_ = now_ - period_began_;
  for (auto& [name, database] : databases_) {
    database.last_period = database.totals;
    database.last_period -= database.period_began;
    database.period_began = database.totals;
  }
  if (settings_.log_stats && seat_.machine == 0) gather({}, console::Command::show_stats);
  period_began_ = now_;
  stats_at_ = after(now_, settings_.stats_period);
}

void Machine::Core::log_stats(const seats::Rows& rows, std::string_view missing) {
  metrics::Totals change;
  for (const console::StatsRow& row : rows.stats) change += row.last_period;
  const metrics::Totals sum = metrics::averages(change, last_period_);
  std::string text = join(sum.xact_count, " xacts/s, ", sum.query_count, " queries/s, in ",
                          sum.received, " B/s, out ", sum.sent, " B/s");
  // What should not happen, since the start; said only where it did.
  if (rows.half_message_lost + rows.protocol_desync > 0) {
    text += join(", ", rows.half_message_lost, " half_message_lost, ", rows.protocol_desync,
                 " protocol_desync");
  }
  if (rows.foreign_cancels > 0) text += join(", ", rows.foreign_cancels, " foreign_cancels");
  if (!missing.empty()) text += join(", ", missing);
  note(NoteKind::stats, Level::info, {}, nullptr, text);
}

// One derivation serves all who need the same key.
Derivation& Machine::Core::derivation(CredentialId credential, Bytes salt,
                                      std::uint32_t iterations) {
  for (Derivation& known : derivations_) {
    if (known.credential == credential && known.iterations == iterations &&
        std::equal(known.salt.begin(), known.salt.end(), salt.begin(), salt.end())) {
      return known;
    }
  }
  Derivation& made = derivations_.emplace_back();
  made.ticket = ++last_ticket_;
  made.credential = credential;
  made.salt.assign(salt.begin(), salt.end());
  made.iterations = iterations;
  return made;
}

void Machine::Core::start_derivations() {
  std::size_t asked = static_cast<std::size_t>(std::count_if(
      derivations_.begin(), derivations_.end(), [](const Derivation& d) { return d.asked; }));
  for (Derivation& next : derivations_) {
    if (asked >= limits::derivations_max) return;
    if (next.asked) continue;
    next.asked = true;
    ++asked;
    out_.add(effect::Derive{next.ticket, next.credential, out_.arena().copy(Bytes(next.salt)),
                            next.iterations});
  }
}

}  // namespace pgweir
