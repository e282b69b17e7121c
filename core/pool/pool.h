// A pool: the servers for one database and one user, and the clients that want them. Beside it the
// two it shares limits with: its database and its user. All are owned by the machine and do not
// move.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/base/handle.h"
#include "core/base/time.h"
#include "core/base/timers.h"
#include "core/config/settings.h"
#include "core/metrics/stats.h"
#include "core/pool/back_off.h"
#include "core/pool/wait_queue.h"
#include "core/session/parameters.h"

namespace pgweir::pool {

struct Database {
  DatabaseSettings settings;  // for one that "*" stands for: with its own name filled in
  bool automatic = false;     // made from "*"
  bool removed = false;       // not in the settings any more; goes with its last client and server
  HostHandle host;
  std::uint32_t server_count = 0;
  std::uint32_t closing_count = 0;  // of those, the ones on their way out
  std::uint32_t client_count = 0;
  metrics::Totals totals;
  metrics::Totals period_began;  // totals when the current stats_period did
  metrics::Totals averages;      // of the last whole period
};

// A role of PostgreSQL that servers log in as.
struct User {
  std::string name;
  std::uint32_t server_count = 0;
  std::uint32_t closing_count = 0;
  std::uint32_t client_count = 0;
};

// The pool's own limits, by PgBouncer's precedence: user, database, global. 0: none.
struct PoolLimits {
  std::uint32_t size = 0;
  std::uint32_t reserve = 0;
  std::uint32_t minimum = 0;
  std::uint32_t database = 0;
  std::uint32_t user = 0;
};

struct Pool {
  PoolHandle self;
  Database* database = nullptr;
  User* user = nullptr;
  CredentialId credential = no_credential;
  bool forced_user = false;
  bool retired = false;  // no new clients; goes with its last client and server
  PoolLimits limits;     // of the settings in force

  std::vector<ServerHandle> idle;      // the one used last at the end
  std::uint32_t server_count = 0;      // all that PostgreSQL may still see, closing ones included
  std::uint32_t connecting_count = 0;  // of those, not logged in yet
  std::uint32_t closing_count = 0;     // of those, on their way out
  std::uint32_t client_count = 0;
  WaitQueue waiting;           // for a server
  WaitQueue logging_in;        // for the parameters
  bool starved = false;        // somebody waits, and a limit shared with other pools is full
  Instant kept_since = never;  // while starved: when a place under another limit was first kept
  bool dirty = false;          // to be looked at before the step ends

  // What a server of this pool says of its session: what clients are told when they log in.
  bool known = false;
  std::vector<std::pair<std::string, std::string>> welcome;
  session::ParameterSet parameters{};

  BackOff back_off;
  Timers::Id timer = 0;
};

PoolLimits limits_of(const Pool& pool, const Settings& settings);

}  // namespace pgweir::pool
