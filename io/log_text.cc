#include "io/log_text.h"

#include <algorithm>
#include <cstdint>

#include "config/utf8.h"
#include "core/base/text.h"
#include "core/console/address.h"

namespace pgweir::io {

namespace {

bool plain(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("-_.:/@+*,[]").find(c) != std::string_view::npos;
}

void append_escaped_byte(std::string& line, char c) {
  constexpr std::string_view digits = "0123456789abcdef";
  const auto byte = static_cast<std::uint8_t>(c);
  line += "\\x";
  line += digits[byte >> 4];
  line += digits[byte & 15];
}

// Bytes of the character at the start of text; 0 when there is none that is well-formed.
std::size_t utf8_character_size(std::string_view text) {
  for (std::size_t size = 1; size <= std::min<std::size_t>(4, text.size()); ++size) {
    if (config::is_utf8(text.substr(0, size))) return size;
  }
  return 0;
}

// ASCII control characters, and those of Latin-1 (U+0080 to U+009F), which terminals obey too.
bool control(std::string_view character) {
  const auto first = static_cast<std::uint8_t>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7f;
  return first == 0xc2 && static_cast<std::uint8_t>(character[1]) < 0xa0;
}

void append_quoted(std::string& line, std::string_view value) {
  line += '"';
  while (!value.empty()) {
    const std::size_t size = utf8_character_size(value);
    const std::string_view character = value.substr(0, std::max<std::size_t>(size, 1));
    if (character == "\n") {
      line += "\\n";
    } else if (character == "\"" || character == "\\") {
      line += '\\';
      line += character;
    } else if (size == 0 || control(character)) {
      for (char byte : character) append_escaped_byte(line, byte);
    } else {
      line += character;
    }
    value.remove_prefix(character.size());
  }
  line += '"';
}

std::string_view key_of(SocketKind kind) {
  switch (kind) {
    case SocketKind::client: return "client";
    case SocketKind::server: return "server";
    case SocketKind::cancel: return "cancel";
  }
  return "socket";
}

std::string peer_text(const Endpoint& peer) {
  switch (peer.family) {
    case Endpoint::Family::unix_socket: return std::string(peer.path);
    case Endpoint::Family::ipv4: return join(console::address_text(peer), ":", peer.port);
    case Endpoint::Family::ipv6: return join("[", console::address_text(peer), "]:", peer.port);
  }
  return {};
}

}  // namespace

void append_field(std::string& line, std::string_view key, std::string_view value) {
  if (!line.empty()) line += ' ';
  line += key;
  line += '=';
  const bool cut = value.size() > log_value_size_max;
  if (!cut && !value.empty() && std::ranges::all_of(value, plain)) {
    line += value;
  } else if (cut) {
    append_quoted(line, join(value.substr(0, log_value_size_max), "..."));
  } else {
    append_quoted(line, value);
  }
}

std::string line_of(const Note& note) {
  std::string line;
  append_field(line, "event", name_of(note.kind));
  if (note.socket) {
    append_field(line, key_of(note.socket.kind),
                 join(note.socket.slot, ".", note.socket.generation));
  }
  if (!note.database.empty()) append_field(line, "database", note.database);
  if (!note.user.empty()) append_field(line, "user", note.user);
  if (const std::string peer = peer_text(note.peer); !peer.empty()) {
    append_field(line, "peer", peer);
  }
  if (!note.sqlstate.empty()) append_field(line, "sqlstate", note.sqlstate);
  if (note.value != 0) append_field(line, "value", join(note.value));
  if (!note.text.empty()) append_field(line, "text", note.text);
  return line;
}

}  // namespace pgweir::io
