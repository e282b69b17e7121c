#include "core/session/server.h"

#include "core/base/assert.h"

namespace pgweir::session {

void Server::become(ServerState to, Instant now) {
  PGWEIR_REQUIRE(transition_allowed(state, to), state, to);
  state = to;
  state_at = now;
}

}  // namespace pgweir::session
