// A host: where PostgreSQL runs, and how fast it may be asked for connections. All pools of one
// host share its bounds and its back-off, so that a host that comes back meets no storm.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/handle.h"
#include "core/base/time.h"
#include "core/base/timers.h"
#include "core/event.h"
#include "core/pool/back_off.h"

namespace pgweir::pool {

struct Host {
  HostHandle self;
  std::string name;  // as in the settings: a DNS name, an address, or a folder of unix sockets
  std::uint16_t port = 0;
  std::string path;  // the socket file, where name is a folder

  std::vector<Endpoint> addresses;  // the last answer; kept when a newer question fails
  Instant resolved_at{};
  bool resolving = false;
  bool ask_again = false;  // its name, whatever was answered: its servers said that it goes
  std::size_t next_address = 0;

  std::uint32_t connecting = 0;  // attempts under way, logins included
  Instant window_at{};           // the second being counted
  std::uint32_t window_connects = 0;
  std::uint32_t rounds_failed = 0;  // addresses tried in vain since the last success
  BackOff back_off;
  bool probing = false;       // the attempt begun last is the one that a failing host is asked by
  Instant marked_at = never;  // its servers said last that it ends sessions
  Instant left_at = never;    // or that it is a standby, and were closed
  Timers::Id timer = 0;

  bool is_unix() const { return name.starts_with('/'); }

  // Whether one more attempt may begin. When not, retry_at says when to look again, unless the end
  // of an attempt under way decides that.
  bool may_connect(Instant now) const;
  // As many attempts are under way as may be.
  bool full() const;
  Instant retry_at(Instant now) const;
  void connect_begins(Instant now);
  // A connection stands and its login got an answer. Where the host fails, and the attempt began
  // before it did, that is of another time.
  void reached();
  // An address did not answer: the next one is tried at once, after all of them the host backs off.
  void unreachable(Instant now, Duration longest, std::uint8_t jitter, const PgError& error);
};

}  // namespace pgweir::pool
