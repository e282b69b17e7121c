// The ledger, at the first machine: when servers are opened, for which machine, and which idle ones
// close. Every limit is one number for the process. Pools that share a limit take turns by their
// oldest waiter.
#include <algorithm>
#include <tuple>

#include "core/base/text.h"
#include "core/machine_core.h"

namespace pgweir {

using pool::Account;
using pool::Host;
using pool::News;
using pool::Part;
using pool::Want;

Account& Machine::Core::account_of(const pool::PoolName& name) {
  const auto key = std::tuple(std::string(name.database), std::string(name.user), name.forced_user);
  const auto known = ledger_.index.find(key);
  if (known != ledger_.index.end()) return *ledger_.accounts.find(known->second);
  const auto [handle, made] = ledger_.accounts.emplace();
  made->self = handle;
  made->database = name.database;
  made->user = name.user;
  made->forced_user = name.forced_user;
  made->of_database = &ledger_.databases[made->database];
  made->of_user = &ledger_.users[made->user];
  made->parts.resize(seat_.machines);
  made->timer = timers_.add({TimerOwner::Kind::account, handle.slot, handle.generation});
  ledger_.index.emplace(key, handle);
  refresh(*made);
  return *made;
}

// What an account takes from the settings. One whose database is not in them any more goes on by
// the last ones that said where it is.
void Machine::Core::refresh(Account& account) {
  const DatabaseSettings* line = find_database(settings_, account.database);
  if (line == nullptr) line = find_database(settings_, "*");
  if (line != nullptr) {
    account.line = *line;
    const HostHandle host = host_for(*line);
    const HostHandle before = std::exchange(account.host, host);
    if (before && before != host) {
      for (Part& part : account.parts) part.told.failures = Part::of_another_host;
    }
  }
  account.limits = pool::limits_of(account.line, account.user, settings_);
  if (account.back_off.permanent()) account.back_off.succeeded();  // this may have been the remedy
  touch(account);
}

HostHandle Machine::Core::host_for(const DatabaseSettings& settings) {
  const auto key = std::pair(settings.host, settings.port);
  const auto known = ledger_.host_index.find(key);
  if (known != ledger_.host_index.end()) return known->second;
  const auto [handle, made] = ledger_.hosts.emplace();
  made->self = handle;
  made->name = settings.host;
  made->port = settings.port;
  made->timer = timers_.add({TimerOwner::Kind::host, handle.slot, handle.generation});
  if (made->is_unix()) {
    made->path = join(settings.host, "/.s.PGSQL.", settings.port);
    Endpoint& endpoint = made->addresses.emplace_back();
    endpoint.family = Endpoint::Family::unix_socket;
    endpoint.port = settings.port;
    endpoint.path = made->path;
  }
  ledger_.host_index.emplace(key, handle);
  return handle;
}

void Machine::Core::touch(Account& account) {
  if (account.dirty) return;
  account.dirty = true;
  ledger_.dirty.push_back(account.self);
}

// Something that several pools share became free: whoever has waited longest looks first.
void Machine::Core::touch_waiting() {
  std::vector<std::pair<Instant, AccountHandle>> waiting;
  ledger_.accounts.each([&](AccountHandle handle, Account& account) {
    if (account.wanted() > 0 || account.server_count < account.limits.minimum) {
      waiting.emplace_back(turn_of(account), handle);
    }
  });
  std::sort(waiting.begin(), waiting.end());
  for (const auto& [since, handle] : waiting) touch(*ledger_.accounts.find(handle));
}

// Its pools may have been held back by the host's bounds.
void Machine::Core::host_ready(const Host& host) {
  ledger_.accounts.each([&](AccountHandle, Account& account) {
    if (account.host == host.self) touch(account);
  });
}

// When it has its turn at a limit that it shares: the longest wait first. Who has failed waits anew
// from when it may try again; else those of a dead host pass a place round among themselves.
Instant Machine::Core::turn_of(const Account& account) const {
  Instant turn = account.since();
  if (account.back_off.failing()) turn = std::max(turn, account.back_off.retry_at());
  const Host* host = ledger_.hosts.find(account.host);
  if (host != nullptr && host->back_off.failing()) {
    turn = std::max(turn, host->back_off.retry_at());
  }
  return turn;
}

void Machine::Core::hear(std::uint8_t from, const seats::Report& report) {
  Account& account = account_of(report.pool);
  Part& part = account.parts[from];
  part.present = !report.gone;
  if (report.hunger.number > 0) pass_on_hunger(account, from, report.epoch, report.hunger);
  account.of_database->kept_up_count -= part.level.kept_up;
  account.of_database->kept_up_count += report.level.kept_up;
  part.level = report.level;
  for (const News& news : report.news) take(account, from, news, report.epoch == epoch_);
  for (const pool::Offer& offer : report.offers) {
    ledger_.offers.push_back({from, account.self, offer});
  }
  if (report.gone || report.anew) part.told = {};
  touch(account);
}

// in_force: by the settings that are. What a password of a reload ago came to says nothing.
void Machine::Core::take(Account& account, std::uint8_t from, const News& news, bool in_force) {
  Part& part = account.parts[from];
  Host* host = ledger_.hosts.find(news.host);
  const auto end_connecting = [&] {
    --part.connecting_count;
    part.dedicated_connecting_count -= news.dedicated;
    --account.connecting_count;
    --host->connecting;
  };
  switch (news.what) {
    case News::What::logged_in:
      end_connecting();
      host->reached();
      if (!news.dedicated) account.back_off.succeeded();
      return host_ready(*host);
    case News::What::failed:
      end_connecting();
      if (news.why->code == sqlstate::cannot_connect_now.text()) {
        mark(*host, session::HostSign::not_accepting, from);
      }
      return failed(account, *host, news, in_force);
    case News::What::given_up: return end_connecting();
    case News::What::unused:
      end_connecting();
      begin_closing(account);
      return slot_returned(account);
    case News::What::closing: return begin_closing(account);
    case News::What::closed: return slot_returned(account);
    case News::What::kept:
      end_closing(account);
      return touch_waiting();  // it makes no room for whoever was provided for by it
    case News::What::sign: return mark(*host, news.sign, from);
  }
}

void Machine::Core::failed(Account& account, Host& host, const News& news, bool in_force) {
  const News::Why& why = *news.why;
  const PgError error{SqlState::named(why.code), std::string(why.message), std::string(why.hint)};
  switch (why.heard) {
    case News::Heard::not_there:
      host.unreachable(now_, settings_.server_login_retry, jitter(), error);
      return forget_failures(host);
    case News::Heard::nothing: break;
    case News::Heard::answer: host.reached();
  }
  if (news.dedicated) return;  // what its client asked for may be why: that is told, and goes
  account.back_off.failed(now_, settings_.server_login_retry, jitter(), error,
                          why.permanent && in_force);
  timers_.at_latest(account.timer, account.back_off.retry_at());
}

// Why its pools failed before is not why they fail now; nor when it is back, or another in its
// place.
void Machine::Core::forget_failures(const Host& host) {
  ledger_.accounts.each([&](AccountHandle, Account& account) {
    if (account.host != host.self || !account.back_off.failing()) return;
    account.back_off.succeeded();
    touch(account);
  });
}

void Machine::Core::begin_closing(Account& account) {
  ++account.closing_count;
  ++account.of_database->closing_count;
  ++account.of_user->closing_count;
}

void Machine::Core::end_closing(Account& account) {
  PGWEIR_REQUIRE(account.closing_count > 0, account.self.slot);
  --account.closing_count;
  --account.of_database->closing_count;
  --account.of_user->closing_count;
}

// A server of it is gone, for PostgreSQL too.
void Machine::Core::slot_returned(Account& account) {
  end_closing(account);
  --account.server_count;
  --account.of_database->server_count;
  --account.of_user->server_count;
  touch_waiting();  // the longest wait first, whoever had the place
  touch(account);
  if (const Host* host = ledger_.hosts.find(account.host)) host_ready(*host);
}

// All that the reports of this step lead to. Offers first: the one used longest ago goes.
void Machine::Core::settle_accounts() {
  std::vector<pool::Ledger::Offered> offers = std::exchange(ledger_.offers, {});
  std::sort(offers.begin(), offers.end(), [](const auto& a, const auto& b) {
    return std::tie(a.offer.used_at, a.machine, a.offer.server) <
           std::tie(b.offer.used_at, b.machine, b.offer.server);
  });
  for (const pool::Ledger::Offered& offered : offers) decide(offered);
  for (std::size_t i = 0; i < ledger_.dirty.size(); ++i) {
    if (Account* account = ledger_.accounts.find(ledger_.dirty[i])) settle(*account);
  }
  ledger_.dirty.clear();
}

bool Machine::Core::should_go(const Account& account, const pool::Offer& offer) {
  switch (offer.why) {
    case pool::Offer::Why::idle_timeout: return account.staying_count() > account.limits.minimum;
    case pool::Offer::Why::pressure: return should_yield(account, offer.since);
    // Nobody uses it at the other machines either: then min_pool_size is for none of its pools.
    case pool::Offer::Why::unused: return account.of_database->kept_up_count == 0;
  }
  return false;
}

// It counts as closing from here on, so that no second one is told to go in its stead.
void Machine::Core::decide(const pool::Ledger::Offered& offered) {
  Account& account = *ledger_.accounts.find(offered.account);
  const bool close = should_go(account, offered.offer);
  if (close) {
    begin_closing(account);
  } else if (offered.offer.why == pool::Offer::Why::pressure) {
    account.parts[offered.machine].told.pressure = {};
    touch_waiting();  // what was told is forgotten: whoever still needs a place says so again
  }
  answer(offered.machine, seats::Decided{account.name(), offered.offer, close});
}

void Machine::Core::settle(Account& account) {
  account.dirty = false;
  grow(account);
  tell_failures(account);
  collect(account);
}

// Opens what the waiting clients need, in parallel, as far as every limit allows.
void Machine::Core::grow(Account& account) {
  const bool was_starved = account.starved;
  bool crowded = false;
  account.starved = false;
  while (const auto want = hungriest(account)) {
    const Room room = room_for(account);
    if (room == Room::yes) {
      grant(account, want->machine, want->dedicated);
      continue;
    }
    // While its host's name is asked for, others whose names are known would take each place.
    account.starved = room == Room::shared_full || room == Room::unresolved;
    if (room == Room::shared_full) press(account);
    // Nobody makes room for one that could not be opened.
    const bool full =
        room == Room::shared_full || (room == Room::pool_full && host_room(account) == Room::yes);
    crowded = want->dedicated && full;
    break;
  }
  crowd(account, crowded);
  while (!draining_ && account.staying_count() < account.limits.minimum) {
    const auto keeper = keeper_of(account);
    if (!keeper || backs_off(account) || room_for(account) != Room::yes) break;
    grant(account, *keeper, false);
  }
  if (account.starved == was_starved) return;
  if (account.starved) {
    ++ledger_.starved_count;
  } else {
    if (--ledger_.starved_count == 0) {
      ledger_.kept_since = never;
      ease();
    }
    touch_waiting();  // what was kept for it is for others again
  }
}

// The machine whose client has waited longest of those that would have more servers, and to which
// there is credit: a grant is of now, and does not wait. What has failed for the others says
// nothing about a client's own.
std::optional<Want> Machine::Core::hungriest(Account& account) {
  std::optional<Want> found;
  const bool pooled_too = !backs_off(account);
  const auto look_at = [&](std::uint8_t machine, bool dedicated, Instant since) {
    if (!found || since < found->since) found = {machine, dedicated, since};
  };
  for (std::uint8_t machine = 0; machine < account.parts.size(); ++machine) {
    const Part& part = account.parts[machine];
    if (!outboxes_[machine].has_credit()) continue;
    if (pooled_too && part.wants_pooled()) look_at(machine, false, part.level.since);
    if (part.wants_dedicated()) look_at(machine, true, part.level.dedicated_since);
  }
  return found;
}

// After a failure there is a pause, and then one probe.
bool Machine::Core::backs_off(Account& account) {
  if (!account.back_off.failing()) return false;
  if (now_ >= account.back_off.retry_at()) return account.connecting_count > 0;
  timers_.at_latest(account.timer, account.back_off.retry_at());
  return true;
}

// One that min_pool_size is for.
std::optional<std::uint8_t> Machine::Core::keeper_of(const Account& account) const {
  for (std::uint8_t machine = 0; machine < account.parts.size(); ++machine) {
    if (account.parts[machine].level.kept_up && outboxes_[machine].has_credit()) return machine;
  }
  return std::nullopt;
}

// Requires: room for it, so its host has addresses; and credit.
void Machine::Core::grant(Account& account, std::uint8_t machine, bool dedicated) {
  Host& host = *ledger_.hosts.find(account.host);
  ++account.server_count;
  ++account.of_database->server_count;
  ++account.of_user->server_count;
  ++account.connecting_count;
  ++account.parts[machine].connecting_count;
  account.parts[machine].dedicated_connecting_count += dedicated;
  host.connect_begins(now_);
  const Endpoint& to = host.addresses[host.next_address % host.addresses.size()];
  answer(machine, seats::Open{account.name(), epoch_, host.self, to, dedicated});
}

Machine::Core::Room Machine::Core::room_for(Account& account) {
  if (account.limits.size != 0 && account.server_count >= account.limits.size) {
    const Instant oldest = account.since();
    const bool reserve_left = account.server_count < account.limits.size + account.limits.reserve;
    if (!reserve_left || oldest == never) return Room::pool_full;
    const Instant reserve_at = after(oldest, settings_.reserve_pool_timeout);
    if (now_ < reserve_at) {
      timers_.at_latest(account.timer, reserve_at);
      return Room::pool_full;
    }
  }
  if (const Room room = host_room(account); room != Room::yes) return room;
  // Last: nobody makes room for a pool that could not use it.
  if (database_full(account) || user_full(account)) return Room::shared_full;
  return ledger_.starved_count > 0 && kept_for_another(account) ? Room::later : Room::yes;
}

// Whether a place that is left in a shared limit is kept for a pool that has waited longer and
// needs a place in another limit too: else those who need only one would take each as it comes
// free.
bool Machine::Core::kept_for_another(const Account& account) {
  const Instant own = turn_of(account);
  const bool last_of_database = account.limits.database != 0 &&
                                account.of_database->server_count + 1 >= account.limits.database;
  const bool last_of_user =
      account.limits.user != 0 && account.of_user->server_count + 1 >= account.limits.user;
  bool wanted = false;
  ledger_.accounts.each([&](AccountHandle, const Account& other) {
    if (!other.starved || other.self == account.self || turn_of(other) >= own) return;
    wanted = wanted || (last_of_database && other.of_database == account.of_database) ||
             (last_of_user && other.of_user == account.of_user);
  });
  if (!wanted) return false;
  const Instant kept_until = keep_places();
  if (kept_until > now_) timers_.at_latest(account.timer, kept_until);
  return kept_until > now_;
}

// Until when places are kept for starved pools. Their other limits may stay full for ever: so it is
// a while, and then as long not, for all of them at once: each in its own time, one place would be
// kept for this and that one in turn.
Instant Machine::Core::keep_places() {
  Instant& since = ledger_.kept_since;
  if (since == never || now_ - since >= 2 * limits::place_kept_max) since = now_;
  return after(since, limits::place_kept_max);
}

Machine::Core::Room Machine::Core::host_room(const Account& account) {
  Host* host = ledger_.hosts.find(account.host);
  if (host == nullptr) return Room::later;
  if (!resolve(*host)) return host->resolving ? Room::unresolved : Room::later;
  if (host->may_connect(now_)) return Room::yes;
  const bool waits_for_attempt = host->back_off.failing() ? host->connecting > 0 : host->full();
  if (!waits_for_attempt) timers_.at_latest(host->timer, host->retry_at(now_));
  return Room::later;
}

bool Machine::Core::database_full(const Account& account) {
  return account.limits.database != 0 &&
         account.of_database->server_count >= account.limits.database;
}

bool Machine::Core::user_full(const Account& account) {
  return account.limits.user != 0 && account.of_user->server_count >= account.limits.user;
}

// Each machine with such a pool hears once of what has changed.
void Machine::Core::tell_failures(Account& account) {
  const Host* host = ledger_.hosts.find(account.host);
  const std::uint32_t changes =
      account.back_off.changes() + (host != nullptr ? host->back_off.changes() : 0);
  const pool::BackOff* failing = account.back_off.failing()                    ? &account.back_off
                                 : host != nullptr && host->back_off.failing() ? &host->back_off
                                                                               : nullptr;
  seats::Failing message{account.name(), std::nullopt, {}, false};
  if (failing != nullptr) {
    const PgError& error = failing->error();
    message.why = News::Why{error.code.text(), error.message, error.hint, {}, failing->permanent()};
    message.retry_at = failing->retry_at();
    message.hopeless = failing->permanent() && account.staying_count() == 0;
  }
  for (std::uint8_t machine = 0; machine < account.parts.size(); ++machine) {
    Part& part = account.parts[machine];
    // Its last server may have gone since.
    const bool worse = message.hopeless && !part.told.hopeless;
    if (!part.present || (part.told.failures == changes && !worse)) continue;
    part.told.failures = changes;
    part.told.hopeless = message.hopeless;
    answer(machine, message);
  }
}

// It goes with the last pool, the last server, and what is told of the last that it told to go.
void Machine::Core::collect(Account& account) {
  const bool present = std::any_of(account.parts.begin(), account.parts.end(),
                                   [](const Part& part) { return part.present; });
  if (present || account.server_count > 0 || account.closing_count > 0) return;
  if (account.starved) --ledger_.starved_count;
  timers_.remove(account.timer);
  ledger_.index.erase(std::tuple(account.database, account.user, account.forced_user));
  const std::string database = account.database;
  const std::string user = account.user;
  ledger_.accounts.erase(account.self);
  bool others_of_database = false;
  bool others_of_user = false;
  ledger_.accounts.each([&](AccountHandle, const Account& other) {
    others_of_database = others_of_database || other.database == database;
    others_of_user = others_of_user || other.user == user;
  });
  if (!others_of_database) ledger_.databases.erase(database);
  if (!others_of_user) ledger_.users.erase(user);
}

// True when the host has addresses to try, of an answer that is not too old: after a failover an
// old one leads to where nobody should go. Asks for a new one; when that is none, the old
// addresses serve on.
bool Machine::Core::resolve(Host& host) {
  if (host.is_unix()) return true;
  const bool old = host.addresses.empty() || host.ask_again ||
                   now_ - host.resolved_at >= std::max<Duration>(settings_.dns_max_ttl, 1s);
  if (old && !host.resolving && (!host.addresses.empty() || host.may_connect(now_))) {
    host.resolving = true;
    resolutions_.emplace(++last_ticket_, host.self);
    out_.add(effect::Resolve{last_ticket_, host.name, host.port});
  }
  if (host.addresses.empty() && !host.resolving) {
    timers_.at_latest(host.timer, host.retry_at(now_));
  }
  return !old;
}

void Machine::Core::on(const event::Resolved& event) {
  const auto asked = resolutions_.find(event.ticket);
  if (asked == resolutions_.end()) return;
  Host& host = *ledger_.hosts.find(asked->second);
  resolutions_.erase(asked);
  host.resolving = host.ask_again = false;
  if (event.addresses.empty()) {
    const PgError error{sqlstate::connection_failure,
                        join("could not resolve host name \"", host.name, "\"")};
    note(NoteKind::resolve_failed, Level::warning, {}, nullptr, host.name);
    // An answer that is none must not take working addresses away.
    if (host.addresses.empty()) {
      host.unreachable(now_, settings_.server_login_retry, jitter(), error);
      forget_failures(host);
    }
    host.resolved_at = now_;
  } else {
    host.addresses.assign(event.addresses.begin(), event.addresses.end());
    for (Endpoint& address : host.addresses) address.path = {};
    host.resolved_at = now_;
  }
  host_ready(host);
}

std::uint8_t Machine::Core::jitter() {
  std::byte random[1];
  vault_.random(random);
  return std::to_integer<std::uint8_t>(random[0]);
}

}  // namespace pgweir
