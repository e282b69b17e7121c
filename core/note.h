// A structured event for the log: an enum and its fields, never a formatted string. The names are
// stable: dashboards and alerts are built on them. No field ever holds a secret.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/handle.h"
#include "core/event.h"

namespace pgweir {

enum class Level : std::uint8_t { debug, info, warning, error };

enum class NoteKind : std::uint8_t {
  client_login,         // a client is logged in
  client_closed,        // a client is gone; text: why
  client_refused,       // an error sent to a client before or instead of service; text: the message
  server_connected,     // a server is logged in
  server_closed,        // a server is gone; text: why
  server_login_failed,  // text: what the server or the network said
  server_refused_protocol,  // 3.2, and is asked for 3.0 from now on; text: what it said
  server_without_secret,    // the pool's clients cannot cancel; once a pool
  server_said,       // an error or notice from a server that nobody is linked to; text: its message
  server_recovered,  // the server of a lost client is clean again
  protocol_desync,   // a reply that nobody asked for; both ends closed; text: last message types
  half_message_lost,  // a server died in the middle of a message to its client
  cancel_sent,        // a cancel reached PostgreSQL
  foreign_cancels,    // brought to the wrong replica; once a minute; text: how many, what to do
  accept_paused,      // out of descriptors
  resolve_failed,     // text: the host
  host_marked,  // what a server said is about all of its host; text: which, what, what is done
  settings_applied,
  settings_refused,  // text: every problem
  draining,          // stopping: no new clients
  stats,             // the period's figures
  exiting,
};

// text and value mean what the kind says; empty and zero where it says nothing.
struct Note {
  NoteKind kind;
  Level level;
  SocketId socket{};
  std::string_view database{};
  std::string_view user{};
  std::string_view text{};
  std::string_view sqlstate{};
  Endpoint peer{};
  std::int64_t value = 0;
};

// The name in the log: "client_login".
std::string_view name_of(NoteKind kind);

}  // namespace pgweir
