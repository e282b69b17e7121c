// A pool: the servers that one machine has for one database and one user, and the clients here that
// want them. Beside it its database and its user. All are owned by the machine and do not move.
//
// How many servers there may be is not the pool's to say: the ledger (core/pool/ledger.h) counts
// those of all machines, and is told what this one has and wants.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/handle.h"
#include "core/base/time.h"
#include "core/base/timers.h"
#include "core/config/settings.h"
#include "core/metrics/stats.h"
#include "core/pool/report.h"
#include "core/pool/wait_queue.h"
#include "core/session/parameters.h"
#include "core/wire/protocol.h"

namespace pgweir::pool {

struct Database {
  DatabaseSettings settings;  // for one that "*" stands for: with its own name filled in
  bool automatic = false;     // made from "*"
  bool removed = false;       // not in the settings any more; goes with its last client and server
  std::uint32_t server_count = 0;
  std::uint32_t client_count = 0;
  Instant unused_since{};  // when its last client here went, or one was known elsewhere
  metrics::Totals totals;
  metrics::Totals period_began;  // totals when the current stats_period did
  metrics::Totals last_period;   // what happened in the last whole one
};

// A role of PostgreSQL that servers log in as.
struct User {
  std::string name;
  std::uint32_t server_count = 0;
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

PoolLimits limits_of(const DatabaseSettings& database, std::string_view user,
                     const Settings& settings);

// Why no server can be had: the last failure, of the pool or of its host.
struct Failure {
  PgError error;
  Instant retry_at{};
  // Waiting cannot help, and no machine has a server: clients are told at once.
  bool hopeless = false;
};

// Another machine, where clients wait, as it told last.
struct Hungry {
  Hunger hunger;
  Instant heard_at{};
  Instant fades_at = never;
  std::uint32_t given = 0;  // since it told
  std::uint32_t spare = 0;  // servers: the part of this machine in what it wants, of idle ones

  // Where some were told they are taken to give as this machine does; where all were, nobody is to
  // be overtaken because somebody else might have given.
  std::uint32_t given_by_all() const { return given * (hunger.passing ? hunger.told_count : 1); }
  // Since when the client waits that would get the next server. Who was told of may have been
  // served by now: within handover_slack, after which it is told again, each is taken to have
  // waited as long as he had then.
  Instant next_since(Instant now, Duration slack) const {
    return hunger.since_behind(given_by_all()) + std::min<Duration>(now - heard_at, slack);
  }
};

// How hunger is told to the other machines where a pool lives.
struct Telling {
  std::uint32_t reach = 0;  // machines at once
  bool all = false;         // that is all of them, and what they believe lasts
  std::uint32_t turn = 0;   // counts those told
  Instant again_at{};       // where it is not all
  Instant since = never;    // of the client that had waited longest, when it was told last
  Duration waited{};        // by him
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
  std::uint32_t pinned_count = 0;  // servers that stay with their clients
  std::uint32_t answering_count =
      0;                  // servers that are asked whether they are there, and soon answer
  WaitQueue waiting;      // for a server
  WaitQueue logging_in;   // for the parameters
  WaitQueue replicating;  // for a server of their own, until that is logged in
  bool dirty = false;     // to be looked at before the step ends

  // What a server of this pool says of its session: what clients are told when they log in.
  bool known = false;
  std::vector<std::pair<std::string, std::string>> welcome;
  session::ParameterSet parameters{};

  // The minor protocol that its servers are asked for: 3.0 where they do not even negotiate 3.2.
  std::uint16_t minor = wire::newest_minor;
  bool secret_missed = false;  // a server gave none to be cancelled by, and that is noted

  std::optional<Level> told;  // to the ledger
  Hunger hunger;              // told to the other machines where the pool lives, last
  Telling telling;
  bool tell_again = false;  // a server has changed hands since: they believe something else
  Instant tell_at{};        // not before that again
  std::map<std::uint8_t, Hungry> hungry;        // by machine
  std::map<std::uint8_t, std::uint64_t> heard;  // the number of what each machine said last
  // Machines that wait to hear what its servers say, and the epoch by which they asked.
  std::map<std::uint8_t, std::uint32_t> curious;
  std::vector<News> news;          // for the ledger, of this step
  std::vector<Offer> offers;       // the same
  Pressure pressure;               // as the ledger told
  bool offering = false;           // for that: one server, until the ledger has answered
  std::optional<Failure> failure;  // as the ledger told
  Timers::Id timer = 0;

  PoolName name() const { return {database->settings.name, user->name, forced_user}; }
};

}  // namespace pgweir::pool
