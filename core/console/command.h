// What an administrator may ask of the admin database, and who may ask it.
//
// One command at a time, in PgBouncer's grammar: case does not matter, a ';' may end it, SELECT
// stands for SHOW. "--" begins a comment as in SQL, because drivers ping with "-- ping". Nothing of
// the text is kept.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "core/base/error.h"

namespace pgweir::console {

enum class Command : std::uint8_t {
  empty,  // nothing but spaces: EmptyQueryResponse
  set,    // a session parameter that drivers set as they connect: accepted, without effect
  show_help,
  show_pools,
  show_clients,
  show_servers,
  show_stats,
  show_databases,
  show_users,
  show_config,
  show_version,
  reload,
};

// In rising order: who has a role may do all that the ones before it may.
enum class Role : std::uint8_t {
  none,   // not a user of the console
  stats,  // stats_users: look
  admin,  // admin_users: look and act
};

struct CommandEntry {
  Command command;
  std::string_view words;  // as typed, in capitals
  Role role;               // the least that may use it
  std::string_view tag;    // of its CommandComplete; empty: it has none
};

// All commands, each once, in the order of the enum.
std::span<const CommandEntry> commands();
const CommandEntry& entry_of(Command command);

// The one command in the text. Errors are for the client that sent it: 42601 for what is no
// command or more than one, 0A000 for SET of anything but a session parameter. At most two words of
// the text, and these cut, are repeated in an error, so that a password typed into the wrong window
// stays out of it.
std::expected<Command, PgError> parse_command(std::string_view text);

bool allowed(Command command, Role role);
// 42501: what to tell a user who may not.
PgError not_allowed(Command command);

// The answer to SHOW HELP, for a NOTICE: a command a line.
std::string help_text();

}  // namespace pgweir::console
