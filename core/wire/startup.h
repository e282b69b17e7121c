// The first packet of a connection: a startup message or one of the three requests that stand in
// its place (PostgreSQL: "Message Flow", Start-up; "SSL Session Encryption"; "Canceling Requests").
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/error.h"

namespace pgweir::wire {

// Views of the packet given.
struct Startup {
  std::uint16_t minor = 0;
  std::string_view user;
  std::string_view database;  // the user's name where the client gave none
  std::vector<std::pair<std::string_view, std::string_view>> parameters;  // all others
  std::vector<std::string_view> protocol_options;                         // _pq_.*
};
struct SslRequest {};
struct GssencRequest {};
struct CancelRequest {
  std::uint32_t pid = 0;
  Bytes secret;
};
using FirstPacket = std::variant<Startup, SslRequest, GssencRequest, CancelRequest>;

// What to do with a connection whose first packet is wrong: tell it why, or nothing at all where it
// does not speak the protocol.
struct StartupRefused {
  bool silently;
  PgError error;
};

// How long the packet is by its own account; a refusal as soon as that cannot be true.
// Requires: at least 4 bytes.
std::expected<std::uint32_t, StartupRefused> startup_packet_size(Bytes packet);

// Requires: the whole packet.
std::expected<FirstPacket, StartupRefused> read_startup_packet(Bytes packet);

// The settings inside the startup parameter "options": `-c name=value`, `--name=value`, with
// backslash before a space that belongs to a value; in a name '-' is '_'. Nothing when it is not
// that.
std::optional<std::vector<std::pair<std::string, std::string>>> read_options(std::string_view text);

}  // namespace pgweir::wire
