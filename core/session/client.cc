#include "core/session/client.h"

#include "core/base/assert.h"

namespace pgweir::session {

void Client::become(ClientState to, Instant now) {
  PGWEIR_REQUIRE(transition_allowed(state, to), state, to);
  state = to;
  state_at = now;
}

}  // namespace pgweir::session
