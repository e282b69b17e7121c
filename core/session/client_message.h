// What is to be known of a client's message before anything is done with it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/session/message_stream.h"
#include "core/wire/protocol.h"
#include "core/wire/reader.h"

namespace pgweir::session {

// How much of its body decides what becomes of it: the names at its beginning, or a text that may
// be looked into.
inline std::uint32_t needed_of_client(const wire::Header& header) {
  const auto at_most = [&](std::size_t limit) {
    return static_cast<std::uint32_t>(std::min<std::size_t>(header.body_size, limit));
  };
  using wire::FrontendType;
  switch (static_cast<FrontendType>(header.type)) {
    case FrontendType::parse: return at_most(limits::name_size_max + 1);
    case FrontendType::bind: return at_most(2 * (limits::name_size_max + 1));
    case FrontendType::close:
    case FrontendType::describe: return at_most(limits::name_size_max + 2);
    case FrontendType::copy_data:
    case FrontendType::copy_done:
    case FrontendType::copy_fail:
    case FrontendType::flush:
    case FrontendType::function_call:
    case FrontendType::password:
    case FrontendType::sync:
    case FrontendType::terminate: break;
    case FrontendType::execute: return at_most(1);
    case FrontendType::query:
      return header.body_size > limits::looked_into_size_max ? 0 : header.body_size;
  }
  return 0;
}

// A server answers it, or does something because of it. Not Sync, and not what belongs to a COPY.
inline bool asks_something(wire::FrontendType type) {
  using wire::FrontendType;
  switch (type) {
    case FrontendType::query:
    case FrontendType::parse:
    case FrontendType::bind:
    case FrontendType::describe:
    case FrontendType::execute:
    case FrontendType::close:
    case FrontendType::function_call: return true;
    case FrontendType::copy_data:
    case FrontendType::copy_done:
    case FrontendType::copy_fail:
    case FrontendType::flush:
    case FrontendType::password:
    case FrontendType::sync:
    case FrontendType::terminate: return false;
  }
  return false;
}

// Of a Query, without the zero byte behind it.
inline std::string_view query_of(const Opening& opening) {
  const std::string_view text = text_of(opening.body());
  return text.substr(0, text.find('\0'));
}

// Of a statement, as it begins what follows.
struct Name {
  std::string_view text;
  bool whole = false;  // it ends where names end
};

// Of a Close or Describe of a statement with this name: as PostgreSQL has them, nothing follows it.
inline bool ends_with(const Opening& opening, const Name& name) {
  return opening.header.body_size == 1 + name.text.size() + 1;
}

inline Name statement_of(const Opening& opening) {
  wire::Reader reader(opening.body());
  const std::string_view text = reader.text();
  return {text, !reader.failed()};
}

}  // namespace pgweir::session
