// A pool that lives on several machines: where its clients go, and servers that change machines.
// One that nobody waits for here, or somebody who has waited for less long, goes to a machine that
// has said that it is hungry (machine_hunger.cc).
#include <algorithm>

#include "core/base/hash.h"
#include "core/machine_core.h"

namespace pgweir {

using pool::Hunger;
using session::ServerState;

// By names and sizes alone: machines agree without asking each other.
Machine::Core::Homes Machine::Core::homes_of(std::string_view database, std::string_view user,
                                             std::uint32_t pool_size) const {
  Hash hash;
  hash.add(database);
  hash.add(user);
  const std::uint32_t machines = seat_.machines;
  const std::uint32_t most =
      pool_size == 0 ? machines : std::clamp(pool_size / limits::servers_a_machine, 1u, machines);
  return {static_cast<std::uint8_t>(hash.value() % machines), static_cast<std::uint8_t>(most)};
}

bool Machine::Core::is_among(std::uint8_t machine, const Homes& homes) const {
  return (machine + seat_.machines - homes.first) % seat_.machines < homes.count;
}

// Where a client that wants this goes: here, if it may; one for a database that there is not can be
// told so anywhere.
std::uint8_t Machine::Core::home_for(std::string_view database, std::string_view user) {
  if (seat_.machines == 1) return seat_.machine;
  const DatabaseSettings* line = find_database(settings_, database);
  if (line == nullptr) line = find_database(settings_, "*");
  if (line == nullptr) return seat_.machine;
  if (!line->user.empty()) user = line->user;
  const Homes homes = homes_of(database, user, pool::limits_of(*line, user, settings_).size);
  if (is_among(seat_.machine, homes)) return seat_.machine;
  return static_cast<std::uint8_t>((homes.first + next_home_++ % homes.count) % seat_.machines);
}

bool Machine::Core::is_first_home(const DatabaseSettings& line) const {
  const std::uint32_t size = pool::limits_of(line, line.user, settings_).size;
  return homes_of(line.name, line.user, size).first == seat_.machine;
}

// The other machines where a pool lives.
std::vector<std::uint8_t> Machine::Core::other_homes(const Pool& pool) const {
  const Homes homes = homes_of(pool.database->settings.name, pool.user->name, pool.limits.size);
  std::vector<std::uint8_t> others;
  for (std::uint8_t i = 0; i < homes.count; ++i) {
    const auto machine = static_cast<std::uint8_t>((homes.first + i) % seat_.machines);
    if (machine != seat_.machine) others.push_back(machine);
  }
  return others;
}

// What nobody waits for here goes to where somebody has waited longest; to each machine no more
// than its part.
void Machine::Core::share_idle(Pool& pool) {
  while (!pool.idle.empty()) {
    std::optional<std::uint8_t> to;
    Instant oldest = never;
    for (const auto& [machine, other] : pool.hungry) {
      const Instant theirs = other.next_since(now_, slack());
      if (other.spare == 0 || theirs >= oldest || !outboxes_[machine].has_credit()) continue;
      to = machine;
      oldest = theirs;
    }
    if (!to) return;
    give(*servers_.find(pool.idle.front()), *to);
  }
}

// One that comes free, though somebody waits here, to the machine where somebody has waited
// longest, if that is longer by more than the slack. False: it stays.
bool Machine::Core::give_to_older(Pool& pool, Server& server) {
  std::optional<std::uint8_t> to;
  Instant oldest = waiting_since(pool);
  for (const auto& [machine, other] : pool.hungry) {
    if (!outboxes_[machine].has_credit()) continue;
    const Instant theirs = other.next_since(now_, slack());
    if (after(theirs, slack()) >= waiting_since(pool) || theirs >= oldest) continue;
    to = machine;
    oldest = theirs;
  }
  if (to) give(server, *to);
  return to.has_value();
}

// Requires: it is provably clean, nobody's, no cancel may hit it, and there is credit.
void Machine::Core::give(Server& server, std::uint8_t to) {
  Pool& pool = *pools_.find(server.pool);
  PGWEIR_REQUIRE(provably_clean(server, nullptr) && !server.cancel, server.self.slot);  // I-12
  Hunger hunger = hunger_of(pool);
  sign(pool, hunger);
  seats::ServerParcel parcel{outboxes_[to].next_number(),
                             pool.name(),
                             epoch_,
                             server.host,
                             server.standby,
                             server.doubted,
                             said_last(server),
                             server.endpoint,
                             server.local,
                             server.backend_pid,
                             server.backend_secret,
                             server.connected_at,
                             server.expires_at,
                             server.heard_at,
                             server.checked_at,
                             server.state == ServerState::idle ? server.state_at : now_,
                             server.assignments,
                             hunger,
                             {},
                             values_.text(server.settings),
                             server.statements.in_order(statements_),
                             welcome_of(pool)};
  for (std::size_t i = 0; i < session::tracked_count; ++i) {
    if (server.parameters[i] == session::no_value) continue;
    parcel.parameters[i] = values_.text(server.parameters[i]);
  }
  // One is told so, and all will be: also where it begins anew in the moment in which it is over.
  if (!hunger.nothing()) pool.hunger = hunger;
  pool.tell_again = true;
  outboxes_[to].sent();
  out_.add(effect::HandOver{server.socket(), to, bytes_of(out_.arena().copy(write(parcel)))});
  ++handed_over_count_;
  pool::Hungry& receiver = pool.hungry[to];
  ++receiver.given;
  if (receiver.spare > 0) --receiver.spare;
  if (receiver.given_by_all() >= receiver.hunger.wanted) pool.hungry.erase(to);
  std::erase(pool.idle, server.self);
  forget(server);
}

// It is this machine's no more.
void Machine::Core::forget(Server& server) {
  Pool& pool = *pools_.find(server.pool);
  --pool.server_count;
  --pool.database->server_count;
  --pool.user->server_count;
  touch(pool);
  timers_.remove(server.timer);
  values_.drop(server.parameters);
  values_.release(server.settings);
  values_.release(server.setting_up.value_or(session::no_value));
  servers_.erase(server.self);
}

void Machine::Core::on(const event::Arrived& event) {
  const seats::ServerParcel parcel = seats::read_server(event.parcel);
  take_letter(event.from, parcel.number);
  Pool* known = pool_named(parcel.pool);
  Pool& pool = known != nullptr ? *known : make_pool(parcel.pool);
  Server& server = add_server(pool, parcel.endpoint);
  out_.add(effect::Take{server.socket()});
  server.connecting = false;
  server.state = ServerState::settling;
  server.host = parcel.host;
  server.standby = parcel.standby;
  server.local = parcel.local;
  server.backend_pid = parcel.backend_pid;
  server.backend_secret.assign(parcel.backend_secret.begin(), parcel.backend_secret.end());
  server.connected_at = parcel.connected_at;
  server.expires_at = parcel.expires_at;
  server.heard_at = parcel.heard_at;
  server.sign = parcel.sign;
  server.sign_at = parcel.heard_at;
  server.checked_at = parcel.checked_at;
  server.doubted = parcel.doubted || is_doubted(server);
  server.leaving = is_left(server);
  server.assignments = parcel.assignments;
  server.statements = session::ServerStatements(parcel.statements);
  for (std::size_t i = 0; i < session::tracked_count; ++i) {
    if (parcel.parameters[i]) values_.assign(server.parameters, i, *parcel.parameters[i]);
  }
  if (!parcel.settings.empty()) server.settings = values_.intern(parcel.settings);
  pool.tell_again = true;
  is_hungry(pool, event.from, parcel.epoch, parcel.hunger);
  if (exited_) {
    server.unacknowledged = event.from;
    return close_server(server, "pgweir is shutting down");
  }
  came(event.from);
  if (parcel.epoch < epoch_) return close_server(server, "its settings changed");
  if (!pool.known && !parcel.welcome.empty()) learn_welcome(pool, parcel.welcome);
  make_available(server);
  if (server.state == ServerState::idle) {
    server.state_at = parcel.idle_since;
    arm(server);
  }
  exit_if_drained();
}

}  // namespace pgweir
