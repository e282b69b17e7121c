#include "sim/story.h"

#include <algorithm>
#include <cstdio>
#include <variant>

#include "core/seats/message.h"
#include "sim/messages.h"

namespace pgweir::sim {

namespace {

constexpr std::string_view told_types = "RSKZTDCENIGHWdc123stnAvQPBEFXfpV";
constexpr std::size_t shown_max = 60;

std::string shortened(std::string_view whole) {
  std::string text(whole);
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '.';
  }
  if (text.size() > shown_max) text = text.substr(0, shown_max) + "…";
  return text;
}

std::string word_of(const Message& message) {
  Body body(message.body);
  const std::string type(1, message.type);
  switch (message.type) {
    case 'Z': return type + "(" + std::string(message.body) + ")";
    case 'Q': return type + " \"" + shortened(body.text().value_or("?")) + "\"";
    case 'P': {
      const std::string name(body.text().value_or("?"));
      return type + name + " \"" + shortened(body.text().value_or("?")) + "\"";
    }
    case 'S':
      if (message.body.empty()) return "Sync";
      return type + "(" + shortened(body.text().value_or("?")) + ")";
    default: break;
  }
  if (message.type == 'E' && !error_field(message, 'C').empty()) {
    return type + "(" + error_field(message, 'S') + " " + error_field(message, 'C') + " " +
           shortened(error_field(message, 'M')) + ")";
  }
  if (message.type == 'C') return type + "(" + shortened(body.text().value_or("?")) + ")";
  return type;
}

std::string reason(Reason why) {
  switch (why) {
    case Reason::none: return "orderly";
    case Reason::refused: return "refused";
    case Reason::unreachable: return "unreachable";
    case Reason::timed_out: return "timed out";
    case Reason::reset: return "reset";
    case Reason::out_of_descriptors: return "out of descriptors";
    case Reason::name_unknown: return "name unknown";
    case Reason::name_failed: return "name failed";
    case Reason::other: return "other";
  }
  return "?";
}

// What one machine tells another.
std::string words_of(Bytes letter, Instant now) {
  const seats::Message message = seats::read(letter);
  std::string words(seats::name_of(letter));
  if (const auto* hungry = std::get_if<seats::Hungry>(&message)) {
    words.append(" ").append(hungry->pool.database).append("/").append(hungry->pool.user);
    const pool::Hunger& hunger = hungry->hunger;
    words += ": " + std::to_string(hunger.wanted);
    if (hunger.wanted > 0) {
      words += ", the oldest for " + std::to_string(microseconds(now - hunger.since)) + " us";
    }
  }
  return words;
}

}  // namespace

std::string messages_in(std::string_view bytes) {
  if (bytes.size() >= 8 && bytes[0] == 0) return "startup";
  std::string text;
  while (bytes.size() >= 5 && told_types.find(bytes[0]) != std::string_view::npos) {
    const auto length = Body(bytes.substr(1)).int32().value_or(0);
    if (length < 4) break;
    const std::size_t size = 1 + static_cast<std::size_t>(length);
    if (!text.empty()) text += ' ';
    if (size > bytes.size())
      return text + bytes[0] + "…(" + std::to_string(bytes.size()) + " of " + std::to_string(size) +
             ")";
    text += word_of({bytes[0], std::string(bytes.substr(5, size - 5))});
    bytes.remove_prefix(size);
  }
  if (bytes.empty()) return text;
  return text + (text.empty() ? "" : " ") + "…" + std::to_string(bytes.size()) + " bytes";
}

std::string Story::name_of(SocketId socket) const {
  const auto found = names_.find(socket);
  if (found != names_.end()) return found->second;
  const std::string number = std::to_string(socket.slot) + "." + std::to_string(socket.generation);
  switch (socket.kind) {
    case SocketKind::client: return "client" + number;
    case SocketKind::server: return "s" + number;
    case SocketKind::cancel: return "cancel" + number;
  }
  return number;
}

std::string Story::tell(Instant now, const Event& event, std::span<const Effect> effects) {
  now_ = now;
  std::string text = stamp(now) + happened(event) + "\n";
  for (const Effect& effect : effects) {
    const std::string line = came_of(effect);
    if (!line.empty()) text += std::string(14, ' ') + "     " + line + "\n";
  }
  return text;
}

std::string Story::tell_fault(Instant now, const std::string& what) {
  return stamp(now) + "! " + what + "\n";
}

std::string Story::stamp(Instant now) {
  if (began_ == never) began_ = now;
  char time[32];
  const auto us = microseconds(now - began_);
  std::snprintf(time, sizeof time, "%6lld.%06lld ", static_cast<long long>(us / 1'000'000),
                static_cast<long long>(us % 1'000'000));
  return time;
}

std::string Story::happened(const Event& event) {
  struct Visitor {
    Story& story;
    std::string operator()(const event::Accepted& e) {
      const SocketId id = socket_of(e.client);
      const auto& address = e.peer.address;
      if (address[2] == 1) story.names_[id] = "c" + std::to_string(address[3]);
      if (address[2] == 7) story.names_[id] = "r" + std::to_string(address[3]);
      if (address[2] == 2) story.names_[id] = "cancel-of-c" + std::to_string(address[3]);
      if (address[2] == 5 || address[2] == 6)
        story.names_[id] = "wrong-cancel-of-c" + std::to_string(address[3]);
      return story.name_of(id) + " connects (" + std::to_string(id.slot) + "." +
             std::to_string(id.generation) + ")";
    }
    std::string operator()(const event::AcceptFailed&) { return "accept fails"; }
    std::string operator()(const event::Received& e) {
      const bool client = e.socket.kind == SocketKind::client;
      return story.name_of(e.socket) + (client ? " → " : " ← ") +
             messages_in(pgweir::text_of(e.bytes));
    }
    std::string operator()(const event::PeerDone& e) { return story.name_of(e.socket) + " ends"; }
    std::string operator()(const event::Hangup& e) {
      return story.name_of(e.socket) + " hangs up: " + reason(e.why);
    }
    std::string operator()(const event::Congested& e) {
      return story.name_of(e.socket) + " is congested";
    }
    std::string operator()(const event::Drained& e) { return story.name_of(e.socket) + " drained"; }
    std::string operator()(const event::Connected& e) {
      return story.name_of(e.socket) + " connected";
    }
    std::string operator()(const event::ConnectFailed& e) {
      return story.name_of(e.socket) + " not connected: " + reason(e.why);
    }
    std::string operator()(const event::Closed& e) { return story.name_of(e.socket) + " closed"; }
    std::string operator()(const event::Adopted& e) {
      return story.name_of(socket_of(e.client)) + " comes from machine " + std::to_string(e.from);
    }
    std::string operator()(const event::Arrived& e) {
      return "a server comes from machine " + std::to_string(e.from);
    }
    std::string operator()(const event::Told& e) {
      return "machine " + std::to_string(e.from) + " says " + words_of(e.message, story.now_);
    }
    std::string operator()(const event::Resolved&) { return "a name is resolved"; }
    std::string operator()(const event::Derived&) { return "a key is derived"; }
    std::string operator()(const event::Reconfigured&) { return "new settings"; }
    std::string operator()(const event::Refused&) { return "settings refused"; }
    std::string operator()(const event::Commanded&) { return "a command"; }
    std::string operator()(const event::WallClock&) { return "the wall clock"; }
    std::string operator()(const event::Woke&) { return "a deadline"; }
  };
  return std::visit(Visitor{*this}, event);
}

std::string Story::came_of(const Effect& effect) {
  struct Visitor {
    Story& story;
    std::string operator()(const effect::Send& e) {
      return "→ " + story.name_of(e.socket) + " " + messages_in(pgweir::text_of(e.bytes));
    }
    std::string operator()(const effect::StopReading& e) {
      return "stops reading " + story.name_of(e.socket);
    }
    std::string operator()(const effect::ResumeReading& e) {
      return "reads " + story.name_of(e.socket) + " again";
    }
    std::string operator()(const effect::ReadSize&) { return ""; }
    std::string operator()(const effect::Accepting& e) {
      return e.how == effect::Accept::on ? "accepts clients" : "accepts no clients";
    }
    std::string operator()(const effect::Close& e) { return "closes " + story.name_of(e.socket); }
    std::string operator()(const effect::Connect& e) {
      return "connects " + story.name_of(e.socket);
    }
    std::string operator()(const effect::HandOver& e) {
      return "hands " + story.name_of(e.socket) + " over to machine " + std::to_string(e.to);
    }
    std::string operator()(const effect::Take& e) { return "takes " + story.name_of(e.socket); }
    std::string operator()(const effect::Tell& e) {
      return "tells machine " + std::to_string(e.to) + " " + words_of(e.message, story.now_);
    }
    std::string operator()(const effect::Resolve& e) { return "asks for " + std::string(e.host); }
    std::string operator()(const effect::Derive&) { return "derives a key"; }
    std::string operator()(const effect::LoadSettings&) { return "loads settings"; }
    std::string operator()(const Note& e) {
      return "notes " + std::string(pgweir::name_of(e.kind)) +
             (e.text.empty() ? "" : ": " + std::string(e.text)) +
             (e.value == 0 ? "" : " (" + std::to_string(e.value) + ")");
    }
    std::string operator()(const effect::Exit&) { return "exits"; }
  };
  return std::visit(Visitor{*this}, effect);
}

}  // namespace pgweir::sim
