#include "core/session/client_message.h"

#include <algorithm>
#include <cstddef>

#include "core/base/limits.h"

namespace pgweir::session {

using wire::FrontendType;

std::uint32_t needed_of_client(const wire::Header& header) {
  const auto at_most = [&](std::size_t limit) {
    return static_cast<std::uint32_t>(std::min<std::size_t>(header.body_size, limit));
  };
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

bool asks_something(FrontendType type) {
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

}  // namespace pgweir::session
