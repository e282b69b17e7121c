// The state machine of one core: everything pgweir decides, and nothing else. Given the same events
// in the same order it produces the same effects, byte for byte, everywhere.
//
// It owns clients, servers, pools and hosts; the shell owns sockets and the clock. No callback ever
// re-enters it. docs/architecture.md tells the life of a query through it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/auth/vault.h"
#include "core/base/time.h"
#include "core/effect.h"
#include "core/event.h"

namespace pgweir {

// Which machine this is of how many: one a core. The first accepts, counts the clients of all, and
// ends the process. Its number and the replica's (the process's, among all that clients may reach
// by one address) are part of cancel keys, for those whom a cancel comes to; clients on unix
// sockets with the process's own uid may be the admin `pgbouncer`.
struct Seat {
  std::uint8_t machine = 0;
  std::uint8_t machines = 1;
  std::uint16_t replica = 0;
  std::uint32_t uid = 0;
};

// When something is due next, and what: for the shell's timer, and for a reader of its log.
struct Wake {
  Instant at;
  std::string_view purpose;
};

class Machine {
 public:
  // The vault outlives the machine. Nothing is accepted before the first step's effects say so.
  Machine(Settings settings, auth::Vault& vault, Seat seat);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // Requires: now >= every earlier now, and the last effects carried out.
  // Ensures:  every invariant holds; nothing is owed before deadline() unless an event arrives.
  // The effects are good until the next step.
  std::span<const Effect> step(Instant now, const Event& event);

  std::optional<Wake> deadline() const;

  // Every numbered invariant of docs/invariants.md; ends the process when one does not hold.
  void check_invariants() const;

  // A hash of all state but payload, nonces and keys.
  std::uint64_t fingerprint() const;

  // What it knows of anybody and has under way, in words: "1 clients, 1 cancel keys". Nothing when
  // all have gone, as in a machine that nobody has been at.
  std::string left_over() const;

  // Whose server it is; nobody's: none. For those who watch and cannot see it: a server is made
  // ready before anything of the client is sent to it.
  SocketId client_of(SocketId server) const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace pgweir
