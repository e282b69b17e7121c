#include "core/console/command.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "core/base/text.h"

namespace pgweir::console {

namespace {

constexpr auto entries = std::to_array<CommandEntry>({
    {Command::empty, "", Role::stats, ""},
    {Command::set, "SET", Role::stats, "SET"},
    {Command::show_help, "SHOW HELP", Role::stats, "SHOW"},
    {Command::show_pools, "SHOW POOLS", Role::stats, "SHOW"},
    {Command::show_clients, "SHOW CLIENTS", Role::stats, "SHOW"},
    {Command::show_servers, "SHOW SERVERS", Role::stats, "SHOW"},
    {Command::show_stats, "SHOW STATS", Role::stats, "SHOW"},
    {Command::show_databases, "SHOW DATABASES", Role::stats, "SHOW"},
    {Command::show_users, "SHOW USERS", Role::stats, "SHOW"},
    {Command::show_config, "SHOW CONFIG", Role::stats, "SHOW"},
    {Command::show_version, "SHOW VERSION", Role::stats, "SHOW"},
    {Command::reload, "RELOAD", Role::admin, "RELOAD"},
});

constexpr bool entries_follow_the_enum() {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (static_cast<std::size_t>(entries[i].command) != i) return false;
  }
  return entries.back().command == Command::reload;
}
static_assert(entries_follow_the_enum());

// What drivers and tools set as they connect. The console's answers do not depend on them.
constexpr std::array<std::string_view, 14> session_parameters{
    "APPLICATION_NAME",
    "BYTEA_OUTPUT",
    "CLIENT_ENCODING",
    "CLIENT_MIN_MESSAGES",
    "DATESTYLE",
    "DEFAULT_TRANSACTION_ISOLATION",
    "DEFAULT_TRANSACTION_READ_ONLY",
    "EXTRA_FLOAT_DIGITS",
    "INTERVALSTYLE",
    "LOCK_TIMEOUT",
    "SEARCH_PATH",
    "STANDARD_CONFORMING_STRINGS",
    "STATEMENT_TIMEOUT",
    "TIMEZONE",
};
static_assert(std::ranges::is_sorted(session_parameters), "looked up by binary search");

// Bytes of each word that an error repeats.
constexpr std::size_t word_size_max = 32;

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '_'; }

std::string in_capitals(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

// Spaces and comments.
void skip_blanks(std::string_view& text) {
  while (!text.empty()) {
    if (text.starts_with("--")) {
      text.remove_prefix(std::min(text.find('\n'), text.size()));
    } else if (is_space(text.front())) {
      text.remove_prefix(1);
    } else {
      return;
    }
  }
}

// The word at the start of the text and the blanks after it, taken off; empty when there is none.
std::string_view take_word(std::string_view& text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_word);
  const std::string_view word = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(word.size());
  skip_blanks(text);
  return word;
}

// A quoted text at the start, taken off; a doubled quote inside it looks like the end of one text
// and the start of the next. False when it does not end.
bool take_quoted(std::string_view& text) {
  const char quote = text.front();
  do {
    const std::size_t end = text.find(quote, 1);
    if (end == std::string_view::npos) return false;
    text.remove_prefix(end + 1);
  } while (text.starts_with(quote));
  return true;
}

// A word or a number, taken off; false when there is none.
bool take_plain(std::string_view& text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  const auto end = std::find_if_not(text.begin(), text.end(),
                                    [](char c) { return is_word(c) || c == '.' || c == '/'; });
  const auto size = static_cast<std::size_t>(end - text.begin());
  text.remove_prefix(size);
  return size != 0;
}

// What SET gives a parameter: values with commas between them. False when it is none.
bool take_values(std::string_view& text) {
  while (true) {
    const bool in_quotes = text.starts_with('\'') || text.starts_with('"');
    if (in_quotes ? !take_quoted(text) : !take_plain(text)) return false;
    skip_blanks(text);
    if (!text.starts_with(',')) return true;
    text.remove_prefix(1);
    skip_blanks(text);
  }
}

std::string_view shortened(std::string_view word) { return word.substr(0, word_size_max); }

// How the text begins, for an error: its first two words, or its first byte.
std::string beginning_of(std::string_view text) {
  skip_blanks(text);
  const auto byte = static_cast<unsigned char>(text.empty() ? 0 : text.front());
  const std::string_view first = take_word(text);
  const std::string_view second = take_word(text);
  if (!second.empty()) return join("\"", shortened(first), " ", shortened(second), "\"");
  if (!first.empty()) return join("\"", shortened(first), "\"");
  if (byte >= 0x20 && byte < 0x7f) return std::string("\"") + static_cast<char>(byte) + "\"";
  std::string out = "the byte 0x";
  append_hex(out, byte);
  return out;
}

std::string listed(std::string_view separator) {
  std::string out;
  for (const CommandEntry& entry : entries) {
    if (entry.command == Command::empty || entry.command == Command::set) continue;
    if (!out.empty()) out += separator;
    out += entry.words;
  }
  return out;
}

PgError unknown_command(std::string_view text) {
  return {sqlstate::syntax_error,
          join("the admin database has no command that begins with ", beginning_of(text)),
          join("The commands are: ", listed(", "), ".")};
}

// Ends the command that was found: nothing may follow it but ';'.
std::expected<Command, PgError> finished(Command command, std::string_view rest) {
  const bool separated = rest.starts_with(';');
  while (rest.starts_with(';')) {
    rest.remove_prefix(1);
    skip_blanks(rest);
  }
  if (rest.empty()) return command;
  if (separated) {
    return std::unexpected(PgError{sqlstate::syntax_error,
                                   "the admin database takes one command at a time",
                                   "Send each command as a query of its own."});
  }
  return std::unexpected(
      PgError{sqlstate::syntax_error,
              join("the admin database does not understand what follows ", entry_of(command).words),
              join("The commands are: ", listed(", "), ".")});
}

std::expected<Command, PgError> parse_set(std::string_view rest, std::string_view text) {
  std::string_view name = take_word(rest);
  if (in_capitals(name) == "SESSION" || in_capitals(name) == "LOCAL") name = take_word(rest);
  if (rest.starts_with('=')) {
    rest.remove_prefix(1);
    skip_blanks(rest);
  } else if (in_capitals(take_word(rest)) != "TO") {
    return std::unexpected(unknown_command(text));
  }
  if (name.empty() || !take_values(rest)) return std::unexpected(unknown_command(text));
  if (!std::ranges::binary_search(session_parameters, std::string_view(in_capitals(name)))) {
    return std::unexpected(PgError{
        sqlstate::feature_not_supported, join("the admin database cannot SET ", shortened(name)),
        "To change one of pgweir's settings, change its configuration and send RELOAD."});
  }
  return finished(Command::set, rest);
}

}  // namespace

std::span<const CommandEntry> commands() { return entries; }

const CommandEntry& entry_of(Command command) { return entries[static_cast<std::size_t>(command)]; }

std::expected<Command, PgError> parse_command(std::string_view text) {
  std::string_view rest = text;
  skip_blanks(rest);
  std::string words = in_capitals(take_word(rest));
  if (words.empty()) {
    // A ';' alone is how some drivers ping.
    if (!rest.empty() && !rest.starts_with(';')) return std::unexpected(unknown_command(text));
    return finished(Command::empty, rest);
  }
  if (words == "SET") return parse_set(rest, text);
  if (words == "SELECT") words = "SHOW";
  if (words == "SHOW") words += " " + in_capitals(take_word(rest));
  const auto entry = std::ranges::find(entries, std::string_view(words), &CommandEntry::words);
  if (entry == entries.end()) return std::unexpected(unknown_command(text));
  return finished(entry->command, rest);
}

bool allowed(Command command, Role role) { return role >= entry_of(command).role; }

PgError not_allowed(Command command) {
  const CommandEntry& entry = entry_of(command);
  const std::string_view setting =
      entry.role == Role::admin ? "admin_users" : "stats_users or admin_users";
  return {sqlstate::insufficient_privilege,
          join(entry.words.empty() ? "the admin database" : entry.words, " needs a user named in ",
               setting),
          join("Log in as such a user, or add this one to ", setting, " and reload.")};
}

std::string help_text() { return "the commands are\n" + listed("\n"); }

}  // namespace pgweir::console
