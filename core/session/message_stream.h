// Where one byte stream stands: between messages, inside one, or with the cut beginning of one kept
// until there is enough of it to decide. Messages are never assembled: what need not be looked into
// passes as it comes (PostgreSQL: "Protocol", Messaging Overview).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/base/arena.h"
#include "core/base/bytes.h"
#include "core/wire/protocol.h"

namespace pgweir::session {

struct Opening;

struct MessageStream {
  std::vector<std::byte> held;  // a cut beginning; owned here, empty most of the time
  std::uint32_t body_left = 0;  // of the message under way
  bool forward = false;         // whether that message passes or is dropped
  bool wants_whole = false;     // what is held goes on when all of its message is there

  bool between_messages() const { return body_left == 0; }

  void hold(Bytes bytes) { held.insert(held.end(), bytes.begin(), bytes.end()); }

  void hold_in_front(Bytes bytes) { held.insert(held.begin(), bytes.begin(), bytes.end()); }

  // The opening's message is under way: its rest follows.
  void begin(const Opening& opening);

  // Gives all that is held back as one view in the arena.
  Bytes take_held(Arena& arena) {
    const Bytes all = arena.copy(held);
    // A large buffer is not kept by a connection that will seldom need one.
    if (held.capacity() > limits::client_read_size) {
      held = {};
    } else {
      held.clear();
    }
    return all;
  }
};

// The beginning of a message: as much of it as is at hand, and at least what deciding needs.
struct Opening {
  wire::Header header;
  Bytes piece;  // header and the first part of the body
  Bytes body() const { return piece.subspan(wire::header_size); }
  bool whole() const { return piece.size() == wire::header_size + header.body_size; }
};

inline void MessageStream::begin(const Opening& opening) {
  body_left = static_cast<std::uint32_t>(wire::header_size + opening.header.body_size -
                                         opening.piece.size());
  forward = false;
}

enum class Opened : std::uint8_t { message, incomplete, invalid };

[[gnu::noinline]] inline Opened hold_all(MessageStream& stream, Bytes& input) {
  stream.hold(input);
  input = {};
  return Opened::incomplete;
}

// Of one whose beginning is held: most are not.
template <class Need>
[[gnu::noinline]] Opened open_held(MessageStream& stream, Bytes& input, Arena& arena, Need&& need,
                                   Opening& opening) {
  const auto top_up = [&](std::size_t size) {
    if (stream.held.size() < size) {
      const Bytes more = input.first(std::min(size - stream.held.size(), input.size()));
      stream.hold(more);
      input = input.subspan(more.size());
    }
    return stream.held.size() >= size;
  };
  if (!top_up(wire::header_size)) return Opened::incomplete;
  opening.header = wire::read_header(stream.held);
  if (!opening.header.valid) return Opened::invalid;
  if (!top_up(wire::header_size + need(opening.header))) return Opened::incomplete;
  opening.piece = stream.take_held(arena);
  stream.begin(opening);
  return Opened::message;
}

// Takes the next message's opening off the input, keeping the input when it is too short.
// need(header): how many bytes of the body must be there to decide, at most header.body_size.
// Requires: stream.between_messages(). Ensures, for a message: stream.body_left is what follows,
// and nothing of it has passed.
template <class Need>
Opened open_message(MessageStream& stream, Bytes& input, Arena& arena, Need&& need,
                    Opening& opening) {
  if (!stream.held.empty()) return open_held(stream, input, arena, need, opening);
  if (input.size() < wire::header_size) return hold_all(stream, input);
  opening.header = wire::read_header(input);
  if (!opening.header.valid) return Opened::invalid;
  if (input.size() < wire::header_size + need(opening.header)) return hold_all(stream, input);
  const std::size_t whole = wire::header_size + opening.header.body_size;
  opening.piece = input.first(std::min(whole, input.size()));
  input = input.subspan(opening.piece.size());
  stream.begin(opening);
  return Opened::message;
}

}  // namespace pgweir::session
