// A pool that lives on several machines: where its clients go, who is hungry for servers, and
// servers that change machines. A machine whose clients have waited for handover_slack says so; one
// that has a server for nobody, or for somebody who has waited for less long, hands it over.
#include <algorithm>

#include "core/base/hash.h"
#include "core/machine_core.h"

namespace pgweir {

using pool::Hunger;
using session::ServerState;

// The machines from first on, round and round.
struct Machine::Core::Homes {
  std::uint8_t first = 0;
  std::uint8_t count = 1;
};

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
template <class See>
void Machine::Core::each_other_home(const Pool& pool, See see) const {
  const Homes homes = homes_of(pool.database->settings.name, pool.user->name, pool.limits.size);
  for (std::uint8_t i = 0; i < homes.count; ++i) {
    const auto machine = static_cast<std::uint8_t>((homes.first + i) % seat_.machines);
    if (machine != seat_.machine) see(machine);
  }
}

// What others are told of a pool's wants: nothing of clients that may still be served by servers
// of this machine.
pool::Level Machine::Core::told_level(Pool& pool) {
  pool::Level level = level_of(pool);
  if (level.wanted == 0 || pool.server_count == 0) return level;
  const Instant hungry_at = after(level.since, settings_.handover_slack);
  if (hungry_at <= now_) return level;
  timers_.at_latest(pool.timer, hungry_at);
  return {0, never, level.kept_up};
}

Hunger Machine::Core::hunger_of(const Pool& pool) const {
  Hunger hunger;
  hunger.unknown = !pool.known && !pool.logging_in.empty();
  if (pool.waiting.empty()) return hunger;
  hunger.wanted = pool.waiting.size();
  hunger.since = waiting_since(pool);
  hunger.newest = clients_.find(pool.waiting.last())->request_at;
  return hunger;
}

// Once per handover_slack, or with what else there is to tell the ledger.
void Machine::Core::say_hunger(Pool& pool) {
  const pool::Level level = told_level(pool);
  Hunger hunger = hunger_of(pool);
  if (level.wanted == 0) hunger = {};
  const bool is_first = seat_.machine == 0;
  const bool has_news = !is_first && (!pool.news.empty() || !pool.offers.empty() || !pool.told ||
                                      pool.told->kept_up != level.kept_up);
  const bool level_changed = !is_first && pool.told != level;
  const bool hunger_changed =
      !hunger.says_the_same(pool.hunger) || (pool.tell_again && !hunger.nothing());
  if (!has_news && !level_changed && !hunger_changed) return;
  if (!has_news && now_ < pool.tell_at) return timers_.at_latest(pool.timer, pool.tell_at);
  hunger.number = ++hunger_count_;
  if (!is_first) {
    pool.told = level;
    report({pool.name(), epoch_, false, level, hunger, std::exchange(pool.news, {}),
            std::exchange(pool.offers, {})});
  } else {
    pass_on_hunger(account_of(pool.name()), 0, epoch_, hunger);
  }
  if (hunger_changed) tell_hunger(pool, hunger);
  pool.tell_at = after(now_, settings_.handover_slack);
}

// The first machine has read it in the Report.
void Machine::Core::tell_hunger(Pool& pool, const Hunger& hunger) {
  const seats::Hungry hungry{pool.name(), seat_.machine, hunger};
  each_other_home(pool, [&](std::uint8_t machine) {
    if (machine != 0) tell(machine, hungry);
  });
  pool.hunger = hunger;
  pool.tell_again = false;
}

// To who has not been told: the first machine itself, and where the pool lived by the settings of a
// reload ago, which only the ledger knows. epoch: of who is hungry, and has told where the pool
// lives by the settings of then.
void Machine::Core::pass_on_hunger(const pool::Account& account, std::uint8_t from,
                                   std::uint32_t epoch, const Hunger& hunger) {
  const Homes homes = homes_of(account.database, account.user, account.limits.size);
  for (std::uint8_t machine = 0; machine < account.parts.size(); ++machine) {
    const bool lives_there = is_among(machine, homes);
    const bool told = lives_there && machine != 0 && epoch == epoch_;
    const bool may_care = account.parts[machine].present || (lives_there && machine == 0);
    if (machine == from || told || !may_care) continue;
    answer(machine, seats::Hungry{account.name(), from, hunger});
  }
}

void Machine::Core::hear(std::uint8_t, const seats::Hungry& hungry) {
  Pool* pool = pool_named(hungry.pool);
  if (pool == nullptr && !hungry.hunger.nothing()) pool = &make_pool(hungry.pool);
  if (pool == nullptr) return;
  is_hungry(*pool, hungry.machine, hungry.hunger);
  if (!hungry.hunger.unknown) return;
  pool->curious.insert(hungry.machine);
  if (pool->known) introduce(*pool);
}

// To those who have asked: what its servers say of themselves.
void Machine::Core::introduce(Pool& pool) {
  seats::Introduced introduced{pool.name(), {}};
  for (const auto& [name, value] : pool.welcome) introduced.welcome.push_back({name, value});
  for (const std::uint8_t machine : pool.curious) tell(machine, introduced);
  pool.curious.clear();
}

void Machine::Core::is_hungry(Pool& pool, std::uint8_t machine, const Hunger& hunger) {
  std::uint64_t& heard = pool.heard[machine];
  if (hunger.number <= heard) return;
  heard = hunger.number;
  touch(pool);
  if (hunger.wanted == 0) {
    pool.hungry.erase(machine);
    return;
  }
  std::uint32_t others = 0;
  each_other_home(pool, [&](std::uint8_t) { ++others; });
  others = std::max(others, 1u);
  pool.hungry[machine] = {hunger, now_, 0, (hunger.wanted + others - 1) / others};
}

void Machine::Core::hear(std::uint8_t, const seats::Introduced& introduced) {
  Pool* pool = pool_named(introduced.pool);
  if (pool == nullptr || pool->known) return;
  std::vector<std::pair<std::string, std::string>> welcome;
  for (const auto& [name, value] : introduced.welcome) welcome.emplace_back(name, value);
  learn_welcome(*pool, std::move(welcome));
}

// Of what nobody waits for here, each hungry machine gets its part.
void Machine::Core::share_idle(Pool& pool) {
  const std::map<std::uint8_t, pool::Hungry> hungry = pool.hungry;
  for (const auto& [machine, other] : hungry) {
    const std::uint32_t part = std::min(other.spare, other.hunger.wanted - other.given);
    for (std::uint32_t i = 0; i < part && !pool.idle.empty(); ++i) {
      --pool.hungry[machine].spare;
      give(*servers_.find(pool.idle.front()), machine);
    }
  }
}

// One that comes free, though somebody waits here, to the machine where somebody has waited
// longest, if that is longer by more than the slack. False: it stays.
bool Machine::Core::give_to_older(Pool& pool, Server& server) {
  std::optional<std::uint8_t> to;
  Instant oldest = waiting_since(pool);
  for (const auto& [machine, other] : pool.hungry) {
    const Instant theirs = other.next_since(now_, settings_.handover_slack);
    if (after(theirs, settings_.handover_slack) >= waiting_since(pool) || theirs >= oldest)
      continue;
    to = machine;
    oldest = theirs;
  }
  if (to) give(server, *to);
  return to.has_value();
}

// Requires: it is provably clean, nobody's, and no cancel may hit it.
void Machine::Core::give(Server& server, std::uint8_t to) {
  Pool& pool = *pools_.find(server.pool);
  PGWEIR_REQUIRE(provably_clean(server, nullptr) && !server.cancel, server.self.slot);  // I-12
  Hunger hunger = hunger_of(pool);
  hunger.number = ++hunger_count_;
  seats::ServerParcel parcel{pool.name(),
                             epoch_,
                             server.endpoint,
                             server.local,
                             server.backend_pid,
                             server.backend_secret,
                             server.connected_at,
                             server.expires_at,
                             server.assignments,
                             hunger,
                             {}};
  for (std::size_t i = 0; i < session::tracked_count; ++i) {
    if (server.parameters[i] == session::no_value) continue;
    parcel.parameters[i] = values_.text(server.parameters[i]);
  }
  if (!hunger.nothing()) {
    pool.hunger = hunger;  // one has been told so, and all will be
    pool.tell_again = true;
  }
  out_.add(effect::HandOver{server.socket(), to, bytes_of(out_.arena().copy(write(parcel)))});
  ++handed_over_count_;
  pool::Hungry& receiver = pool.hungry[to];
  if (++receiver.given >= receiver.hunger.wanted) pool.hungry.erase(to);
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
  servers_.erase(server.self);
}

void Machine::Core::on(const event::Arrived& event) {
  const seats::ServerParcel parcel = seats::read_server(event.parcel);
  Pool* known = pool_named(parcel.pool);
  Pool& pool = known != nullptr ? *known : make_pool(parcel.pool);
  Server& server = add_server(pool, parcel.endpoint);
  out_.add(effect::Take{server.socket()});
  server.connecting = false;
  server.state = ServerState::settling;
  server.local = parcel.local;
  server.backend_pid = parcel.backend_pid;
  server.backend_secret.assign(parcel.backend_secret.begin(), parcel.backend_secret.end());
  server.connected_at = parcel.connected_at;
  server.expires_at = parcel.expires_at;
  server.assignments = parcel.assignments;
  for (std::size_t i = 0; i < session::tracked_count; ++i) {
    if (parcel.parameters[i]) values_.assign(server.parameters, i, *parcel.parameters[i]);
  }
  pool.tell_again = true;
  is_hungry(pool, event.from, parcel.hunger);
  if (exited_) {
    server.unacknowledged = event.from;
    return close_server(server, "pgweir is shutting down");
  }
  tell(event.from, seats::HandedOver{});
  if (parcel.epoch < epoch_) return close_server(server, "its settings changed");
  make_available(server);
  exit_if_drained();
}

}  // namespace pgweir
