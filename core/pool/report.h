// What a machine tells the ledger about one of its pools. Views are good for the step.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/handle.h"
#include "core/base/time.h"
#include "core/session/host_sign.h"

namespace pgweir::pool {

// One of each for the process: the machines have equal pools of it.
struct PoolName {
  std::string_view database;
  std::string_view user;
  bool forced_user = false;
  bool operator==(const PoolName&) const = default;
};

// What its clients would have.
struct Level {
  std::uint32_t wanted = 0;  // servers, those that are being connected included
  Instant since = never;     // of the client that has waited longest
  bool kept_up = false;      // min_pool_size is for it
  // Clients that replicate: each wants one opened for it alone, those that are being connected
  // included; since: of the one that has waited longest and has none under way.
  std::uint32_t dedicated = 0;
  Instant dedicated_since = never;
  bool operator==(const Level&) const = default;
};

// Clients that wait at one machine for servers that others may have. Numbered by that machine,
// since what it says may come by two ways.
struct Hunger {
  std::uint64_t number = 0;
  std::uint32_t wanted = 0;
  Instant since = never;            // of the one that has waited longest
  Instant newest = never;           // of the one that came last
  std::array<Instant, 7> behind{};  // of those right behind the first, as many as there are
  bool unknown = false;  // clients that log in wait to hear what such servers say of themselves
  std::uint32_t told_count = 1;  // machines that are told so at once
  bool passing = false;          // not all were: it is over when it is not said again
  bool nothing() const { return wanted == 0 && !unknown; }
  // But for their numbers.
  bool says_the_same(const Hunger& other) const {
    return wanted == other.wanted && since == other.since && newest == other.newest &&
           behind == other.behind && unknown == other.unknown;
  }
  // Of the one who is next when so many have been served; further behind, if they came evenly.
  // Requires: served < wanted.
  Instant since_behind(std::uint32_t served) const {
    if (served == 0) return since;
    if (served <= behind.size()) return behind[served - 1];
    const auto named = static_cast<std::uint32_t>(behind.size());
    return behind.back() + (newest - behind.back()) / (wanted - named) * (served - named);
  }
  bool operator==(const Hunger&) const = default;
};

// Something happened to a server.
struct News {
  enum class What : std::uint8_t {
    logged_in,
    failed,    // it did not log in: see why
    given_up,  // nor did this one, and nobody is to blame
    unused,    // the grant was not used
    closing,   // on its way out, unless the ledger has told it to go
    closed,
    kept,  // the ledger told it to go, and it was gone already: it is not closing twice
    sign,  // it said something of its host
  };
  // What a failure says of its host.
  enum class Heard : std::uint8_t {
    answer,    // it is there, whatever it said
    nothing,   // a connection stood and ended, or its time passed: it may be there or not
    not_there  // there was no connection, or nobody may log in yet
  };
  struct Why {
    std::string_view code;
    std::string_view message;
    std::string_view hint;
    Heard heard{};
    bool permanent = false;
    bool operator==(const Why&) const = default;
  };
  What what{};
  HostHandle host{};  // where it was connected to; for the first four, and sign
  std::optional<Why> why{};
  bool dedicated = false;  // for the first four: it was granted for one client alone
  session::HostSign sign{};
  bool operator==(const News&) const = default;
};

// A server that nobody uses until the ledger has said whether it goes.
struct Offer {
  enum class Why : std::uint8_t {
    idle_timeout,
    pressure,
    unused,  // its database has had no client at this machine for autodb_idle_timeout
  };
  ServerHandle server;
  Why why{};
  Instant used_at{};
  Instant since = never;  // of the client that has waited longest for it here
  bool operator==(const Offer&) const = default;
};

// Somebody waits for a place under a limit that is full and that this pool's servers count for.
struct Pressure {
  Instant since = never;       // of who has waited longest; never: nobody
  Instant fair_since = never;  // and of those to whom one goes that clients wait for here less long
  bool operator==(const Pressure&) const = default;
};

}  // namespace pgweir::pool
