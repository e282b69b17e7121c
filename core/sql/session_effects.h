// What a statement does to the session beyond its own transaction, as far as its text tells.
// PostgreSQL: the reference pages of the commands that Command names, "System Administration
// Functions" (set_config, advisory locks), "pg_settings", "SELECT INTO", "CREATE TABLE".
//
// Nothing that the text tells is missed; something may be told that does not happen (a function
// that is defined or a view that is created with set_config in it). What the text does not tell is
// not seen: what a function, a trigger or a rule does inside, SQL made of strings, and what an
// EXECUTE or a portal runs. For the last, ask with the definition that was prepared (what it calls
// is told of the PREPARE already). Sequences' last values and setseed() are not looked for.
//
// Only texts that PostgreSQL takes are understood: of one it refuses, anything may be told. The
// time is linear, and memory only what is told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgweir::sql {

// What kind of statement it is, from how it begins.
enum class Command : std::uint8_t {
  other,       // none of these; what is done by its clauses and calls is told all the same
  prepare,     // name, types, definition
  execute,     // name, arguments; EXPLAIN ... EXECUTE and CREATE TABLE ... AS EXECUTE as well
  deallocate,  // name or all
  discard,     // discards
  set,         // settings; SET CONSTRAINTS is other
  reset,       // settings or all
  begin,       // START TRANSACTION as well
  commit,      // END as well. COMMIT PREPARED is other
  rollback,    // ABORT as well. ROLLBACK PREPARED is other
  savepoint,   // name
  release_savepoint,      // name
  rollback_to_savepoint,  // name
  prepare_transaction,    // the session is out of the transaction, whose SETs stay
  listen,                 // name
  unlisten,               // name or all
  notify,                 // name
  declare,                // name; with_hold
  close,                  // name or all
  load,                   // of a library
  opaque,                 // DO, CALL: anything may be done inside
};

enum class Discard : std::uint8_t { all, plans, sequences, temporary };

enum class Scope : std::uint8_t {
  session,  // until it is set again; taken back if the transaction is rolled back
  local,    // until the transaction ends
};

struct Setting {
  // In lower case, as in pg_settings: "timezone" for SET TIME ZONE, "client_encoding" for SET
  // NAMES, "role", "session_authorization", "default_transaction_isolation" of SESSION
  // CHARACTERISTICS. Empty: the text does not tell which one.
  std::string name;
  Scope scope = Scope::session;

  bool operator==(const Setting&) const = default;
};

// More than that, and the last one stands for all that were left out: any setting, for the session.
inline constexpr std::size_t settings_max = 64;

struct Effects {
  Command command = Command::other;
  // As core/sql/name.h makes it.
  std::string name;
  // Where it stands in the statement, with its quotes: another may be put there.
  std::string_view name_text;
  bool all = false;
  Discard discards = Discard::all;
  std::string_view types;       // what is in the parentheses behind a prepared statement's name
  std::string_view definition;  // behind AS, to the end
  std::string_view arguments;   // of EXECUTE, with their parentheses; empty when there are none

  // By SET and RESET, by calls of set_config, by an UPDATE of pg_settings.
  std::vector<Setting> settings;
  // What the one setting is set to for the session, as set_config takes it, where it is known.
  std::optional<std::string> value;
  bool to_default = false;   // SET ... TO DEFAULT, for the session: as RESET does
  bool with_hold = false;    // a cursor that outlives the transaction
  bool temporary = false;    // makes a temporary table, view, sequence …, not one to DROP ON COMMIT
  bool locks = false;        // calls pg_advisory_lock or another that takes a session's lock
  bool unlocks = false;      // calls pg_advisory_unlock, of one lock or all
  bool unlocks_all = false;  // calls pg_advisory_unlock_all, and does nothing else
  bool definition_language = false;  // CREATE, ALTER, DROP, IMPORT: what is prepared may be stale

  // Whether there is anything to be told.
  bool any() const {
    return command != Command::other || !settings.empty() || temporary || locks || unlocks ||
           definition_language;
  }
};

// Of one statement, as Split gives it. Its views are of that text. backslash_escapes: as for
// Tokens.
Effects effects_of(std::string_view statement, bool backslash_escapes);

}  // namespace pgweir::sql
