// Who of a pool's machines is hungry for servers. One whose clients have waited for handover_slack
// says so to some of the others, in turn: what is said of a pool does not grow with the number of
// its machines (docs/decisions/0007).
#include <algorithm>

#include "core/machine_core.h"

namespace pgweir {

using pool::Hunger;

// What others are told of a pool's wants: nothing of clients that may still be served by servers
// of this machine.
pool::Level Machine::Core::told_level(Pool& pool) {
  pool::Level level = level_of(pool);
  if (level.wanted == 0 || pool.server_count == 0) return level;
  const Instant hungry_at = after(level.since, slack());
  if (hungry_at <= now_) return level;
  timers_.at_latest(pool.timer, hungry_at);
  return {0, never, level.kept_up, level.dedicated, level.dedicated_since};
}

Hunger Machine::Core::hunger_of(const Pool& pool) const {
  Hunger hunger;
  hunger.unknown = !pool.known && !pool.logging_in.empty();
  if (pool.waiting.empty()) return hunger;
  hunger.wanted = pool.waiting.size();
  hunger.since = waiting_since(pool);
  hunger.newest = clients_.find(pool.waiting.last())->request_at;
  const Client* client = clients_.find(pool.waiting.first());
  for (Instant& since : hunger.behind) {
    client = clients_.find(client->wait_next);
    if (client == nullptr) break;
    since = client->request_at;
  }
  return hunger;
}

// At most once per handover_slack. What else there is to tell the ledger does not wait for that.
void Machine::Core::say_hunger(Pool& pool) {
  const pool::Level level = told_level(pool);
  Hunger hunger = hunger_of(pool);
  if (level.wanted == 0) hunger = {};
  const bool is_first = seat_.machine == 0;
  const bool has_news = !is_first && (!pool.news.empty() || !pool.offers.empty() || !pool.told ||
                                      pool.told->kept_up != level.kept_up ||
                                      pool.told->dedicated_since != level.dedicated_since ||
                                      pool.told->dedicated != level.dedicated);
  const bool level_changed = !is_first && pool.told != level;
  const bool hunger_changed =
      !hunger.says_the_same(pool.hunger) || (pool.tell_again && !hunger.nothing());
  const bool goes_on = hunger.wanted > 0 && !pool.telling.all;
  if (!has_news && !level_changed && !hunger_changed && !goes_on) return;
  const Instant tell_at = goes_on && !hunger_changed ? pool.telling.again_at : pool.tell_at;
  const bool due = now_ >= tell_at;
  if (!due) timers_.at_latest(pool.timer, tell_at);
  if (!due && !has_news) return;
  const bool all_know = pool.telling.all;
  if (due) {
    if (hunger_changed || goes_on) plan_telling(pool, hunger);
    sign(pool, hunger);
  } else {
    hunger = {};
  }
  if (!is_first) {
    const bool anew = !pool.told;
    pool.told = level;
    report({pool.name(), epoch_, false, level, hunger, std::exchange(pool.news, {}),
            std::exchange(pool.offers, {}), anew});
  } else {
    pass_on_hunger(account_of(pool.name()), 0, epoch_, hunger);
  }
  if (!due) return;
  if (hunger_changed || goes_on) tell_hunger(pool, hunger, all_know);
  pool.tell_at = after(now_, slack());
}

// To how many machines it is told now. To more and more while nobody is served who waits: soon all
// know, and nobody speaks any more. While some are served, who has waited longest of all he has
// heard of is told of to more and more; else all who wait would call for all, and none would gain.
void Machine::Core::plan_telling(Pool& pool, const Hunger& hunger) {
  pool::Telling& telling = pool.telling;
  if (hunger.wanted == 0) {
    telling = {.turn = telling.turn};
    return;
  }
  const bool nobody_served = hunger.since == telling.since && now_ >= telling.again_at;
  const Duration waited = now_ - hunger.since;
  const bool oldest = std::ranges::all_of(pool.hungry, [&](const auto& other) {
    return hunger.since <= other.second.next_since(now_, slack());
  });
  const bool calls_for_more = nobody_served || (waited > telling.waited && oldest);
  const auto others = static_cast<std::uint32_t>(other_homes(pool).size());
  const std::uint32_t reach = calls_for_more ? telling.reach * 2 : telling.reach / 2;
  telling.reach = std::min(std::max(reach, limits::hunger_reach_min), others);
  telling.all = telling.reach == others;
  telling.since = hunger.since;
  telling.waited = waited;
  telling.again_at = after(now_, hunger_interval());
  if (!telling.all) timers_.at_latest(pool.timer, telling.again_at);
}

Duration Machine::Core::hunger_interval() const {
  return std::max<Duration>(slack(), limits::hunger_interval_min);
}

// Who waits for less than a turn of the loop is soon served by what comes back in the next.
Duration Machine::Core::slack() const {
  return std::max<Duration>(settings_.handover_slack, lateness_.of_late(now_));
}

void Machine::Core::sign(const Pool& pool, Hunger& hunger) {
  hunger.number = ++hunger_count_;
  hunger.told_count = std::max(pool.telling.reach, 1u);
  hunger.passing = !pool.telling.all;
}

// Whose turn it is; what concerns them all to all. The first machine has read it in the Report.
void Machine::Core::tell_hunger(Pool& pool, const Hunger& hunger, bool all_know) {
  const seats::Hungry hungry{pool.name(), seat_.machine, epoch_, hunger};
  std::vector<std::uint8_t> others = other_homes(pool);
  std::uint32_t count = pool.telling.reach;
  if (std::erase(others, 0) > 0 && count > 0) --count;
  const auto most = static_cast<std::uint32_t>(others.size());
  if (all_know || hunger.unknown || count > most) count = most;
  for (std::uint32_t i = 0; i < count; ++i) tell(others[pool.telling.turn++ % most], hungry);
  pool.hunger = hunger;
  pool.tell_again = false;
}

// To who has not been told: the first machine itself, and where the pool lived by the settings of a
// reload ago, which only the ledger knows. epoch: of who is hungry, and has told where the pool
// lives by the settings of then.
void Machine::Core::pass_on_hunger(pool::Account& account, std::uint8_t from, std::uint32_t epoch,
                                   const Hunger& hunger) {
  const Homes homes = homes_of(account.database, account.user, account.limits.size);
  for (std::uint8_t machine = 0; machine < account.parts.size(); ++machine) {
    const bool lives_there = is_among(machine, homes);
    const bool told = lives_there && machine != 0 && epoch == epoch_;
    pool::Part& part = account.parts[machine];
    const bool may_care = part.present || (lives_there && machine == 0);
    const bool believes = part.hungry.erase(from) > 0;
    if (machine == from || !(believes || (may_care && !told))) continue;
    if (hunger.wanted > 0) part.hungry.insert(from);
    answer(machine, seats::Hungry{account.name(), from, epoch, hunger});
  }
}

void Machine::Core::hear(std::uint8_t, const seats::Hungry& hungry) {
  const bool of_yesterday = hungry.epoch < epoch_;
  Pool* pool = pool_named(hungry.pool);
  // One of yesterday may have come the long way, after the end of that hunger, when the pool had
  // gone.
  if (pool == nullptr && !of_yesterday && !hungry.hunger.nothing()) pool = &make_pool(hungry.pool);
  if (pool == nullptr) return;
  is_hungry(*pool, hungry.machine, hungry.epoch, hungry.hunger);
  if (of_yesterday || !hungry.hunger.unknown) return;
  pool->curious[hungry.machine] = hungry.epoch;
  if (pool->known) introduce(*pool);
}

// To those who have asked: what its servers say of themselves. Who goes by newer settings than this
// machine hears it when they have come: they may lead to other servers.
void Machine::Core::introduce(Pool& pool) {
  const seats::Introduced introduced{pool.name(), epoch_, welcome_of(pool)};
  std::erase_if(pool.curious, [&](const auto& asked) {
    const auto [machine, epoch] = asked;
    if (epoch > epoch_) return false;
    tell(machine, introduced);
    return true;
  });
}

// What its servers say of themselves at a login.
std::vector<seats::Parameter> Machine::Core::welcome_of(const Pool& pool) {
  std::vector<seats::Parameter> welcome;
  for (const auto& [name, value] : pool.welcome) welcome.push_back({name, value});
  return welcome;
}

void Machine::Core::is_hungry(Pool& pool, std::uint8_t machine, std::uint32_t epoch,
                              const Hunger& hunger) {
  std::uint64_t& heard = pool.heard[machine];
  if (hunger.number <= heard) return;
  heard = hunger.number;
  touch(pool);
  // From before a reload: it is said again, if it still is so, and what was believed is not.
  if (hunger.wanted == 0 || epoch < epoch_) {
    pool.hungry.erase(machine);
    return;
  }
  const std::uint32_t spare = (hunger.wanted + hunger.told_count - 1) / hunger.told_count;
  // It would be said again before that.
  const Instant fades_at = hunger.passing ? after(now_, hunger_interval() * 3 / 2) : never;
  pool.hungry[machine] = {hunger, now_, fades_at, 0, spare};
}

void Machine::Core::forget_hunger(Pool& pool) {
  std::erase_if(pool.hungry, [&](const auto& other) { return other.second.fades_at <= now_; });
  for (const auto& [machine, other] : pool.hungry) timers_.at_latest(pool.timer, other.fades_at);
}

void Machine::Core::hear(std::uint8_t, const seats::Introduced& introduced) {
  Pool* pool = pool_named(introduced.pool);
  if (pool == nullptr || pool->known || introduced.epoch < epoch_) return;
  learn_welcome(*pool, introduced.welcome);
}

}  // namespace pgweir
