#include "sim/ruins.h"

#include <algorithm>

#include "sim/pool_modes.h"
#include "sim/simulation.h"

namespace pgweir::sim {

namespace {

bool is_set(Duration timeout) { return timeout > Duration::zero(); }

// Whoever has a server and asks nothing, or asks, or does the one and then the other.
bool ends_a_request(const Settings& settings) {
  return is_set(settings.transaction_timeout) || is_set(settings.query_timeout);
}
bool ends_whatever_it_does(const Settings& settings) {
  return is_set(settings.transaction_timeout) ||
         (is_set(settings.query_timeout) && is_set(settings.idle_transaction_timeout));
}

}  // namespace

void Ruins::add(const std::string& what) { what_ += (what_.empty() ? "" : ", ") + what; }

void Ruins::add_host(std::size_t number, bool silent) {
  hosts_.insert(number);
  if (silent) silent_hosts_.insert(number);
}

void Ruins::clear() {
  what_.clear();
  hosts_.clear();
  silent_hosts_.clear();
}

SocketId Ruins::client_of(const Application& who) const {
  for (const auto& [socket, client] : simulation_.census().clients()) {
    if (!client.closing && simulation_.shell().stream_of(socket) == who.stream().get()) {
      return socket;
    }
  }
  return {};
}

const Application* Ruins::holder_of(SocketId server) const {
  const Watch& watch = simulation_.watch();
  // Who is held up again at once is not read again, and the watch does not see that it has it.
  const SocketId told = simulation_.ledger().client_of(server);
  const SocketId client = told ? told : watch.owner_of(server);
  const auto known = simulation_.census().clients().find(client);
  if (known == simulation_.census().clients().end() || known->second.closing) return nullptr;
  if (watch.is_free(server) && !has_session(server)) return nullptr;
  const Stream* stream = simulation_.shell().stream_of(client);
  for (const auto& application : simulation_.applications()) {
    if (application->stream().get() == stream) return application.get();
  }
  return nullptr;
}

SocketId Ruins::server_of(const Application& who) const {
  for (const auto& [socket, server] : simulation_.census().servers()) {
    if (!server.closing && server.ready && holder_of(socket) == &who) return socket;
  }
  return {};
}

// Who was served there has it to its end: also where a host has lied, and the ledger knows nothing.
bool Ruins::has_session(SocketId server) const {
  const Login& whom = simulation_.census().servers().at(server).whom;
  return pool_mode_of(simulation_.settings(), whom) == PoolMode::session;
}

bool Ruins::is_silent(SocketId server) const {
  const Endpoint& where = simulation_.census().servers().at(server).to;
  return silent_hosts_.contains(Names::host_at(where));
}

// Nothing takes it from the client that has it: neither the end of what was asked, nor a clock.
bool Ruins::is_kept(SocketId server) const {
  // No clock is about what a client that replicates asks.
  if (simulation_.census().servers().at(server).replicates && is_silent(server)) return true;
  const Application* holder = holder_of(server);
  if (holder == nullptr) return false;
  const Settings& settings = simulation_.settings();
  const bool clocks = holder->frozen() ? ends_whatever_it_does(settings) : ends_a_request(settings);
  // Between transactions only one clock is about a client that its session keeps there.
  // Nor is it read while that client does not read.
  const bool done = simulation_.watch().is_still(server) || simulation_.ledger().is_done(server);
  const bool kept = simulation_.ledger().is_pinned(server) || has_session(server);
  const bool idle = kept && done;
  if (holder->frozen() && idle) return !is_set(settings.client_idle_timeout);
  if (clocks) return false;
  if (holder->frozen() || is_silent(server)) return true;
  // It waits for a lock, and whoever has that is kept.
  const PostgresSession* session = simulation_.watch().session_of(server);
  const auto pid = session == nullptr ? std::nullopt : session->waits_for();
  if (!pid) return false;
  for (const auto& [other, its] : simulation_.census().servers()) {
    const bool is_it = its.pid == *pid &&
                       its.to.address[3] == simulation_.census().servers().at(server).to.address[3];
    if (is_it && !its.closing) return is_kept(other);
  }
  return false;
}

std::vector<Login> Ruins::kept_places() const {
  std::vector<Login> places;
  for (const auto& [socket, server] : simulation_.census().servers()) {
    if (server.ready && !server.closing && is_kept(socket)) places.push_back(server.whom);
  }
  const Login strangers{std::string(Stranger::database), std::string(Stranger::user)};
  const bool has_session = pool_mode_of(simulation_.settings(), strangers) == PoolMode::session &&
                           !is_set(simulation_.settings().client_idle_timeout);
  if (!has_session && ends_whatever_it_does(simulation_.settings())) return places;
  for (const auto& stranger : simulation_.strangers()) {
    if (stranger->frozen_inside()) places.push_back(strangers);
  }
  return places;
}

bool Ruins::can_be_reached(const std::string& database) const {
  const DatabaseSettings* settings = find_database(simulation_.settings(), database);
  if (settings == nullptr) return false;
  const std::set<std::size_t> hosts = simulation_.names().leads_to(settings->host);
  return !hosts.empty() &&
         std::ranges::none_of(hosts, [&](std::size_t host) { return has_host(host); });
}

// The limits leave a place beside those that are kept.
bool Ruins::has_room(const Login& pool) const {
  const std::vector<Login> kept = kept_places();
  const Settings& settings = simulation_.settings();
  const auto below = [&](std::int32_t limit, const auto& counts) {
    return limit == 0 || std::ranges::count_if(kept, counts) < limit;
  };
  return below(settings.default_pool_size + settings.reserve_pool_size,
               [&](const Login& place) { return place == pool; }) &&
         below(settings.max_db_connections,
               [&](const Login& place) { return place.database == pool.database; }) &&
         below(settings.max_user_connections,
               [&](const Login& place) { return place.user == pool.user; });
}

// Who wants a server there may never get one.
bool Ruins::waits_in_vain(const Login& pool) const {
  if (is_set(simulation_.settings().query_wait_timeout)) return false;
  return !can_be_reached(pool.database) || !has_room(pool);
}

bool Ruins::excuses(const Application& who) const {
  // A login has its clock always.
  if (empty() || !who.logged_in()) return false;
  if (const SocketId server = server_of(who)) return is_kept(server);
  return waits_in_vain({who.identity().database, who.identity().user});
}

std::string Ruins::owed_about(const Application& frozen) const {
  const std::string who = "c" + std::to_string(frozen.identity().number) + ", which is frozen,";
  const SocketId client = client_of(frozen);
  if (!client) return "";
  if (!simulation_.census().clients().at(client).welcomed) {
    return who + " is not sent away by client_login_timeout";
  }
  const SocketId server = server_of(frozen);
  if (!server || is_kept(server) || simulation_.may_lie(frozen)) return "";
  return who + " keeps backend " + std::to_string(simulation_.census().servers().at(server).pid);
}

bool Ruins::may_keep_pgweir() const {
  if (!kept_places().empty()) return true;
  const auto may_stay = [&](const auto& who) { return who->asking() && excuses(*who); };
  if (std::ranges::any_of(simulation_.applications(), may_stay)) return true;
  const auto inside = [](const auto& stranger) { return stranger->frozen_inside(); };
  return std::ranges::any_of(simulation_.strangers(), inside) &&
         waits_in_vain({std::string(Stranger::database), std::string(Stranger::user)});
}

Duration Ruins::patience() const {
  if (empty()) return {};
  const Settings& settings = simulation_.settings();
  const Duration clocks = settings.query_timeout + settings.transaction_timeout +
                          settings.idle_transaction_timeout + settings.query_wait_timeout +
                          settings.client_idle_timeout + settings.client_login_timeout +
                          settings.server_connect_timeout + settings.server_login_retry;
  return clocks * (simulation_.applications().size() + simulation_.strangers().size() + 1);
}

}  // namespace pgweir::sim
