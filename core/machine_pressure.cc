// Whose servers make room, at the first machine's ledger: for a pool that waits under a shared
// limit that is full, for a client that wants a server of its own, and for a limit that was
// lowered. Those that have one to spare are told so (Pressed), offer it (Offer), and hear whether
// it goes (Decided).
#include <algorithm>

#include "core/machine_core.h"

namespace pgweir {

using pool::Account;
using pool::Part;
using pool::Pressure;

// Whether both count for a limit that is full for the one.
bool Machine::Core::shares_full_limit(const Account& starved, const Account& other) {
  return (other.of_database == starved.of_database && database_full(starved)) ||
         (other.of_user == starved.of_user && user_full(starved));
}

// Whether servers that are closing already make room enough for it.
bool Machine::Core::provided_for(const Account& starved) {
  const pool::Total& full = database_full(starved) ? *starved.of_database : *starved.of_user;
  return full.closing_count >= starved.wanted();
}

// Whether a pool gives up servers that its own clients wait for, though for less long.
bool Machine::Core::fair(const Account& starved, const Account& other) {
  const std::uint32_t count = other.staying_count();
  const std::uint32_t others = starved.staying_count();
  return others == 0 || count > others + 1;
}

// A shared limit is full and somebody waits: whoever has a server to spare under it offers it.
void Machine::Core::press(const Account& starved) {
  if (provided_for(starved)) return;
  ledger_.accounts.each([&](AccountHandle, Account& other) {
    if (other.self == starved.self || other.staying_count() == 0) return;
    if (!shares_full_limit(starved, other)) return;
    const Instant since = turn_of(starved);
    press_all(other, {since, fair(starved, other) ? since : never});
  });
}

void Machine::Core::press_all(Account& account, Pressure pressure) {
  for (std::uint8_t machine = 0; machine < account.parts.size(); ++machine) {
    press(account, machine, pressure);
  }
}

void Machine::Core::press(Account& account, std::uint8_t machine, Pressure pressure) {
  Part& part = account.parts[machine];
  if (!part.present) return;
  pressure.since = std::min(pressure.since, part.told.pressure.since);
  pressure.fair_since = std::min(pressure.fair_since, part.told.pressure.fair_since);
  if (pressure == part.told.pressure) return;
  part.told.pressure = pressure;
  answer(machine, seats::Pressed{account.name(), pressure});
}

// More than a limit allows that was lowered since: whatever comes free goes, whoever waits for it.
bool Machine::Core::is_over_limit(const Account& account) {
  const auto over = [](std::uint32_t staying, std::uint32_t limit) {
    return limit != 0 && staying > limit;
  };
  const pool::PoolLimits& limits = account.limits;
  return over(account.staying_count(), limits.size == 0 ? 0 : limits.size + limits.reserve) ||
         over(account.of_database->staying_count(), limits.database) ||
         over(account.of_user->staying_count(), limits.user);
}

// A client wants a server of its own, and the others of its pool take the places: one of them goes
// as soon as nobody uses it, if those who wait for it have not waited longer.
void Machine::Core::crowd(Account& account, bool crowded) {
  const bool was_crowded = std::exchange(account.crowded, crowded);
  if (is_over_limit(account)) return press_all(account, {Instant{}, Instant{}});
  if (crowded && !should_make_room(account)) return;
  if (crowded) return press_all(account, {account.dedicated_since(), account.dedicated_since()});
  if (!was_crowded) return;
  ease(account);
  touch_waiting();  // others who need a place say so again
}

// And those of its servers that are closing do not make room enough.
bool Machine::Core::should_make_room(const Account& account) {
  if (!account.crowded || account.closing_count >= account.dedicated_wanted()) return false;
  return !(database_full(account) || user_full(account)) || !provided_for(account);
}

// Nobody needs a place any more: what has not been offered need not be.
void Machine::Core::ease() {
  ledger_.accounts.each([&](AccountHandle, Account& account) {
    if (!account.crowded && !is_over_limit(account)) ease(account);
  });
}

void Machine::Core::ease(Account& account) {
  for (std::uint8_t machine = 0; machine < account.parts.size(); ++machine) {
    Part& part = account.parts[machine];
    if (part.told.pressure == Pressure{}) continue;
    part.told.pressure = {};
    answer(machine, seats::Pressed{account.name(), {}});
  }
}

// Whether a server that this pool offers makes room for another one. since: of the client that
// waits for it there; never: nobody does.
bool Machine::Core::should_yield(const Account& account, Instant since) {
  if (is_over_limit(account)) return true;
  bool yield = should_make_room(account) && account.dedicated_since() < since;
  ledger_.accounts.each([&](AccountHandle, const Account& other) {
    if (!other.starved || other.self == account.self) return;
    if (!shares_full_limit(other, account) || provided_for(other)) return;
    if (since == never || (turn_of(other) < since && fair(other, account))) yield = true;
  });
  return yield;
}

}  // namespace pgweir
