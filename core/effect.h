// What the machine wants done. Values: bytes and texts inside are the event's own, the arena's, or
// state that is freed at the start of the next step and not before.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "core/base/bytes.h"
#include "core/base/handle.h"
#include "core/event.h"
#include "core/note.h"

namespace pgweir {

namespace effect {

// Consecutive Sends to one socket go out in one write.
struct Send {
  SocketId socket;
  Bytes bytes;
};
struct StopReading {
  SocketId socket;
};
struct ResumeReading {
  SocketId socket;
};
// How much the shell may read from this socket at once: little (the default for clients) or much
// (for servers, and for clients in the middle of a long message).
struct ReadSize {
  SocketId socket;
  bool large;
};
// Whether new clients are accepted. paused: they wait in the kernel's queue; ended: the listening
// sockets are closed for good, so that new clients are refused and go elsewhere.
enum class Accept : std::uint8_t { on, paused, ended };
struct Accepting {
  Accept how;
};
enum class CloseWhen : std::uint8_t { now, when_sent };
// when_sent: at most limits::close_linger later.
struct Close {
  SocketId socket;
  CloseWhen when;
};
struct Connect {
  SocketId socket;
  Endpoint to;
};
// A client's or a server's socket goes to another machine of this process: nothing more is said of
// it here, and no Closed follows.
struct HandOver {
  SocketId socket;
  std::uint8_t to;
  Bytes parcel;
};
// The server's socket that has Arrived goes by this name, which no socket has.
struct Take {
  SocketId socket;
};
struct Tell {
  std::uint8_t to;
  Bytes message;
};
// DNS: addresses with this port.
struct Resolve {
  Ticket ticket;
  std::string_view host;
  std::uint16_t port;
};
// PBKDF2 off the loop. An empty salt: make the verifier of a plain secret, with a salt of its own.
struct Derive {
  Ticket ticket;
  CredentialId credential;
  Bytes salt;
  std::uint32_t iterations;
};
struct LoadSettings {};
struct Exit {
  int status;
};

}  // namespace effect

using Effect = std::variant<effect::Send, effect::StopReading, effect::ResumeReading,
                            effect::ReadSize, effect::Accepting, effect::Close, effect::Connect,
                            effect::HandOver, effect::Take, effect::Tell, effect::Resolve,
                            effect::Derive, effect::LoadSettings, Note, effect::Exit>;

}  // namespace pgweir
