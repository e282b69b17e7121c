// What the world did. Values: a view inside an event is good for the step it is given to.
// The shell promises (its contract, tested against every shell):
//  - bytes of a socket come in order, cut anywhere, and none after StopReading but those already
//  read;
//  - PeerDone comes after all the peer's bytes; Hangup at most once;
//  - Congested comes before any other event when a byte of the last step's Sends is still unsent;
//  - Closed is every socket's last event, exactly one each, also after our own Close;
//  - every ticket is answered exactly once;
//  - what one machine tells and hands over to another comes there in that order, all of it; between
//    HandOver and Adopted or Arrived nobody hears of the socket, and what was unread or unsent goes
//    with it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/handle.h"
#include "core/base/time.h"
#include "core/config/settings.h"

namespace pgweir {

// Where a socket leads. path only for unix sockets (the socket file), address only for the others
// (network order, the first 4 bytes for IPv4).
struct Endpoint {
  enum class Family : std::uint8_t { unix_socket, ipv4, ipv6 };
  Family family = Family::unix_socket;
  std::uint16_t port = 0;
  std::array<std::uint8_t, 16> address{};
  std::string_view path;

  bool operator==(const Endpoint&) const = default;
};

// Why the shell could not, or why a socket ended. Texts for people are the shell's errno names.
enum class Reason : std::uint8_t {
  none,                // an orderly end: ours, or end of file
  refused,             // ECONNREFUSED, ENOENT of a unix socket
  unreachable,         // no route, network down
  timed_out,           // the kernel gave up: ETIMEDOUT, TCP_USER_TIMEOUT
  reset,               // ECONNRESET, EPIPE
  out_of_descriptors,  // EMFILE, ENFILE, ENOBUFS, ENOMEM
  name_unknown,        // DNS says there is no such name
  name_failed,         // DNS did not answer
  other,
};

// A question the core asked with an effect, answered by exactly one event.
using Ticket = std::uint32_t;

namespace event {

// peer.path is empty for unix sockets; uid: the peer's, on unix sockets only.
struct Accepted {
  ClientHandle client;
  Endpoint peer;
  Endpoint local;
  std::optional<std::uint32_t> uid;
};
struct AcceptFailed {
  Reason why;
};
struct Received {
  SocketId socket;
  Bytes bytes;
};
struct PeerDone {
  SocketId socket;
};
struct Hangup {
  SocketId socket;
  Reason why;
};
struct Congested {
  SocketId socket;
};
struct Drained {
  SocketId socket;
};
struct Connected {
  SocketId socket;
  Endpoint local;
};
// The socket's last event; no Closed follows.
struct ConnectFailed {
  SocketId socket;
  Reason why;
};
struct Closed {
  SocketId socket;
  Reason why;
};
// A client's socket comes from another machine of this process, under a name of the shell's here.
struct Adopted {
  ClientHandle client;
  std::uint8_t from;
  Bytes parcel;  // what the other machine knew of it
};
// A server's socket comes from another machine. The step's effects give it a name: effect::Take.
struct Arrived {
  std::uint8_t from;
  Bytes parcel;
};
// Another machine of this process says something: seats::Message.
struct Told {
  std::uint8_t from;
  Bytes message;
};
// In the resolver's order; empty when it failed, and then why says how.
struct Resolved {
  Ticket ticket;
  std::span<const Endpoint> addresses;
  Reason why;
};
struct Derived {
  Ticket ticket;
  bool done;
};
// New settings, complete and valid: every machine's answer to LoadSettings, whoever asked.
struct Reconfigured {
  Settings settings;
};
// The settings could not be loaded and the old ones stay. why: every problem, a line each.
struct Refused {
  std::string_view why;
};
enum class Command : std::uint8_t { drain, stop_now, reload };
struct Commanded {
  Command command;
};
// Wall clock minus our clock, told first and whenever it changes: for stamps only.
struct WallClock {
  Duration offset;
};
// The deadline the machine asked for has come.
struct Woke {};

}  // namespace event

using Event = std::variant<event::Accepted, event::AcceptFailed, event::Received, event::PeerDone,
                           event::Hangup, event::Congested, event::Drained, event::Connected,
                           event::ConnectFailed, event::Closed, event::Adopted, event::Arrived,
                           event::Told, event::Resolved, event::Derived, event::Reconfigured,
                           event::Refused, event::Commanded, event::WallClock, event::Woke>;

}  // namespace pgweir
