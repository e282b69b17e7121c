// The ledger of server openings: one for the process, kept by the first machine. It counts the
// servers of all machines against every limit, grants openings, and says which idle ones close.
//
// Plain state; what is done with it is in core/machine_ledger.cc. A grant is a server from when it
// is given until the machine that has it then says that it is closed, or that it was not used.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/base/handle.h"
#include "core/base/slot_map.h"
#include "core/base/time.h"
#include "core/base/timers.h"
#include "core/pool/back_off.h"
#include "core/pool/host.h"
#include "core/pool/pool.h"
#include "core/pool/report.h"

namespace pgweir::pool {

// What one machine has told of its part of a pool.
struct Part {
  bool present = false;  // it has such a pool
  Level level;
  std::uint32_t connecting_count = 0;            // granted to it, not logged in yet
  std::uint32_t dedicated_connecting_count = 0;  // of those, for one client alone
  static constexpr std::uint32_t of_another_host = UINT32_MAX;
  // What it has been told.
  struct Told {
    std::uint32_t failures = 0;  // changes of what failed
    bool hopeless = false;       // then
    Pressure pressure;
  } told;

  // The machines that it has been told are hungry, though it may have no such pool any more: that
  // was made anew by what was on its way, and stays until it hears that it is over.
  std::set<std::uint8_t> hungry;

  // Servers to be opened, and not granted yet.
  bool wants_pooled() const { return level.wanted > connecting_count - dedicated_connecting_count; }
  bool wants_dedicated() const { return level.dedicated > dedicated_connecting_count; }
};

// The next server to be opened, for whom.
struct Want {
  std::uint8_t machine = 0;
  bool dedicated = false;
  Instant since = never;
};

// Servers of a database or of a user.
struct Total {
  std::uint32_t server_count = 0;
  std::uint32_t closing_count = 0;
  std::uint32_t kept_up_count = 0;  // of a database: parts of its pools that min_pool_size is for

  std::uint32_t staying_count() const {
    return server_count > closing_count ? server_count - closing_count : 0;
  }
};

// A pool, over all machines.
struct Account {
  AccountHandle self;
  std::string database;
  std::string user;
  bool forced_user = false;
  DatabaseSettings line;  // of the settings, or the last there was
  PoolLimits limits;
  HostHandle host;  // none: there never was such a line
  Total* of_database = nullptr;
  Total* of_user = nullptr;

  std::vector<Part> parts;  // by machine
  std::uint32_t server_count = 0;
  std::uint32_t connecting_count = 0;
  std::uint32_t closing_count = 0;  // told to go, until it is known to have gone by itself before
  bool starved = false;  // somebody waits, and a limit shared with other pools is full, or its
                         // host's name is asked for: a place that comes free may be kept for it
  // A client wants a server of its own, and a limit is full to which this pool's others count.
  bool crowded = false;
  bool dirty = false;  // to be looked at before the step ends
  BackOff back_off;
  Timers::Id timer = 0;

  PoolName name() const { return {database, user, forced_user}; }
  std::uint32_t wanted() const;
  // Servers that stay.
  std::uint32_t staying_count() const {
    return server_count > closing_count ? server_count - closing_count : 0;
  }
  // Of the client that has waited longest.
  Instant since() const;
  // Of those that replicate.
  std::uint32_t dedicated_wanted() const;
  Instant dedicated_since() const;
};

struct Ledger {
  struct Offered {
    std::uint8_t machine;
    AccountHandle account;
    Offer offer;
  };

  SlotMap<Account, AccountHandle> accounts;
  std::map<std::tuple<std::string, std::string, bool>, AccountHandle> index;
  std::map<std::string, Total, std::less<>> databases;
  std::map<std::string, Total, std::less<>> users;
  SlotMap<Host, HostHandle> hosts;
  std::map<std::pair<std::string, std::uint16_t>, HostHandle> host_index;
  std::vector<AccountHandle> dirty;
  std::vector<Offered> offers;      // of this step
  std::uint32_t starved_count = 0;  // accounts
  Instant kept_since = never;  // while there are any: when a place was first kept for one of them
};

}  // namespace pgweir::pool
