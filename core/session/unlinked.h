// What a logged-in client may say that needs no server.
#pragma once

#include <cstdint>
#include <optional>

#include "core/base/error.h"
#include "core/session/client.h"
#include "core/session/output.h"

namespace pgweir::session {

enum class Unlinked : std::uint8_t {
  done,          // all bytes are used up, or held
  wants_server,  // the bytes left begin with a request
  leave,         // Terminate
  broken,        // not the protocol; error tells the client, or nothing where it speaks another one
};

struct UnlinkedOutcome {
  Unlinked what = Unlinked::done;
  std::optional<PgError> error;
};

// Takes what needs no server off the bytes. Requires: the client is idle.
UnlinkedOutcome consume_unlinked(Client& client, Bytes& bytes, Output& out);

// Answers the request a client waits with by an error, before any server saw it: a simple query
// gets its ReadyForQuery too, an extended one when its Sync comes. The client goes on after it.
// Requires: the client is idle again, bytes begin with that request's header.
void reject_request(Client& client, Bytes& bytes, const PgError& error, Output& out);

}  // namespace pgweir::session
