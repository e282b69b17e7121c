#include "core/session/unlinked.h"

#include <algorithm>

#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/wire/writer.h"

namespace pgweir::session {

using wire::FrontendType;

namespace {

void answer_ready(const Client& client, Output& out) {
  std::string& message = out.scratch();
  wire::write_ready(message, wire::TransactionStatus::idle);
  out.send_copy(client.socket(), message);
}

void drop_message(Client& client, Bytes& bytes, const wire::Header& header) {
  const std::size_t whole = wire::header_size + header.body_size;
  const std::size_t here = std::min(whole, bytes.size());
  client.stream.body_left = static_cast<std::uint32_t>(whole - here);
  client.stream.forward = false;
  bytes = bytes.subspan(here);
}

enum class Kind : std::uint8_t { request, sync, dropped, terminate, unknown };

Kind kind_of(std::uint8_t type) {
  switch (static_cast<FrontendType>(type)) {
    case FrontendType::bind:
    case FrontendType::close:
    case FrontendType::describe:
    case FrontendType::execute:
    case FrontendType::function_call:
    case FrontendType::parse:
    case FrontendType::query: return Kind::request;
    case FrontendType::sync: return Kind::sync;
    // Flush of nothing is nothing; COPY messages outside a COPY are ignored, as PostgreSQL does.
    case FrontendType::copy_data:
    case FrontendType::copy_done:
    case FrontendType::copy_fail:
    case FrontendType::flush: return Kind::dropped;
    case FrontendType::terminate: return Kind::terminate;
    case FrontendType::password: break;
  }
  return Kind::unknown;
}

// The link looks into all of it (limits::looked_into_size_max).
bool is_awaited_whole(const wire::Header& header) {
  const auto type = static_cast<FrontendType>(header.type);
  return (type == FrontendType::query || type == FrontendType::parse) &&
         header.body_size <= limits::looked_into_size_max;
}

}  // namespace

UnlinkedOutcome consume_unlinked(Client& client, Bytes& bytes, Output& out) {
  MessageStream& stream = client.stream;
  if (!stream.held.empty()) {
    stream.hold(bytes);
    bytes = stream.take_held(out.arena());
  }
  while (!bytes.empty()) {
    if (!stream.between_messages()) {
      const std::size_t piece = std::min<std::size_t>(stream.body_left, bytes.size());
      stream.body_left -= static_cast<std::uint32_t>(piece);
      bytes = bytes.subspan(piece);
      continue;
    }
    if (bytes.size() < wire::header_size) {
      stream.hold(bytes);
      bytes = {};
      break;
    }
    const wire::Header header = wire::read_header(bytes);
    if (!header.valid) return {Unlinked::broken, std::nullopt};
    switch (kind_of(header.type)) {
      case Kind::terminate: return {Unlinked::leave, std::nullopt};
      case Kind::unknown:
        return {Unlinked::broken, PgError{sqlstate::protocol_violation,
                                          join("invalid frontend message type ", header.type)}};
      case Kind::request:
        if (!client.skipping) {
          // Its server would wait for the rest, too.
          if (is_awaited_whole(header) && bytes.size() < wire::header_size + header.body_size) {
            stream.hold(bytes);
            bytes = {};
            return {};
          }
          return {Unlinked::wants_server, std::nullopt};
        }
        drop_message(client, bytes, header);
        break;
      case Kind::sync:
        if (!client.skipping) return {Unlinked::wants_server, std::nullopt};
        client.skipping = false;
        answer_ready(client, out);
        drop_message(client, bytes, header);
        break;
      case Kind::dropped: drop_message(client, bytes, header); break;
    }
  }
  return {};
}

void reject_request(Client& client, Bytes& bytes, const PgError& error, Output& out) {
  const wire::Header header = wire::read_header(bytes);
  std::string& message = out.scratch();
  wire::write_error(message, wire::ErrorSeverity::error, error);
  out.send_copy(client.socket(), message);
  const auto type = static_cast<FrontendType>(header.type);
  // A server would have dropped the unnamed statement before it failed. (Where the name is not
  // there yet, it is most likely that one's.)
  const bool parses_unnamed =
      type == FrontendType::parse &&
      (bytes.size() == wire::header_size || bytes[wire::header_size] == std::byte{0});
  if (type == FrontendType::query || parses_unnamed) client.unnamed.forget();
  if (type == FrontendType::query || type == FrontendType::function_call) {
    answer_ready(client, out);
    drop_message(client, bytes, header);
  } else {
    client.skipping = true;
  }
}

}  // namespace pgweir::session
