// What is to be known of a client's message before anything is done with it.
#pragma once

#include <cstdint>

#include "core/wire/protocol.h"

namespace pgweir::session {

// How much of its body decides what becomes of it: the names at its beginning, or a text that may
// be looked into.
std::uint32_t needed_of_client(const wire::Header& header);

// A server answers it, or does something because of it. Not Sync, and not what belongs to a COPY.
bool asks_something(wire::FrontendType type);

}  // namespace pgweir::session
