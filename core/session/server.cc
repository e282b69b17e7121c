#include "core/session/server.h"

#include "core/base/assert.h"
#include "core/base/text.h"

namespace pgweir::session {

std::string Trail::text() const {
  std::string out;
  for (std::uint32_t i = 0; i < last_.size(); ++i) {
    const Entry& entry = last_[(next_ + i) % last_.size()];
    if (entry.direction == 0) continue;
    if (!out.empty()) out += ' ';
    out += entry.direction;
    // Only letters and digits are types; anything else is shown as a number.
    const bool plain = (entry.type >= '0' && entry.type <= '9') ||
                       (entry.type >= 'A' && entry.type <= 'Z') ||
                       (entry.type >= 'a' && entry.type <= 'z');
    if (plain) {
      out += static_cast<char>(entry.type);
    } else {
      append(out, entry.type);
    }
  }
  return out;
}

void Server::become(ServerState to, Instant now) {
  PGWEIR_REQUIRE(transition_allowed(state, to), state, to);
  state = to;
  state_at = now;
}

}  // namespace pgweir::session
