// The link: a client and the server it holds now, the only place that knows both. It carries
// messages from one to the other, keeps the reply queue, and says when the server may be given
// back. It does not know pools: what its verdicts lead to is the machine's. Invariants I-04 (one
// owner) and I-05 (clean release) of docs/invariants.md.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/config/settings.h"
#include "core/metrics/stats.h"
#include "core/session/client.h"
#include "core/session/output.h"
#include "core/session/parameters.h"
#include "core/session/server.h"

namespace pgweir::session {

// What the link works with besides its two ends.
struct LinkContext {
  Output& out;
  Values& values;
  Statements& statements;
  const auth::Vault& vault;
  const Settings& settings;
  const DatabaseSettings& database;
  std::uint32_t& pinned_count;  // of the pool
  metrics::Totals& totals;
  Instant now;
};

enum class Verdict : std::uint8_t {
  carry_on,
  desync,  // the server said what nobody asked for: both ends are closed
  leave,   // the client said Terminate
  broken,  // the client does not keep to the protocol, or its pool_mode: LinkOutcome::error
  setup,   // the server refused a parameter or setting of the client, see LinkOutcome::error
  go_on,  // the server said what its client was held up for; the rest of its bytes comes after that
};

struct LinkOutcome {
  // (Without constructors all of its bytes would be zeroed, for each message.)
  LinkOutcome() {}
  LinkOutcome(Verdict what, std::optional<PgError> why) : verdict(what), error(std::move(why)) {}

  Verdict verdict = Verdict::carry_on;
  // broken without one: closed silently, it does not speak PostgreSQL. carry_on with one: what a
  // server said that has no client to hear it.
  std::optional<PgError> error;
};

// Joins an idle server to a client; the client's parameters are set in front of what it will send.
// Requires: the client waits or is idle, the server is idle and clean.
void join_link(Client& client, Server& server, LinkContext& context);

// Sends what makes the server's parameters and settings the client's; nothing where they are. For a
// client that is still untried what another has left there is taken back first, by itself: so it is
// known whose settings a server refuses. Requires: nothing is owed.
void align_parameters(Client& client, Server& server, LinkContext& context);

// The client's parameter is this from here on, and it is told so.
void tell_parameter(Client& client, std::size_t index, std::string_view value,
                    LinkContext& context);

// Sets the server's settings back to their defaults, by itself. Requires: nothing is owed, it has
// some.
void take_back_settings(Server& server, LinkContext& context);

// What was sent takes such settings back: they are put on again when it is answered, and before
// anything else is asked.
inline bool waits_for_settings(const Server& server) {
  return server.session.takes_back_settings() && !server.owed.empty() &&
         !server.owed.lacks_sync() && !server.owed.copying_in();
}

// The client's bytes, to its server. What cannot be sent yet is held and the client blocked.
LinkOutcome forward_from_client(Client& client, Server& server, Bytes bytes, LinkContext& context);

// The server's bytes, to its client, or to nobody where it has none (idle, or recovering). With
// Verdict::go_on, Verdict::setup and Verdict::broken, bytes is what is left of them.
LinkOutcome forward_from_server(Server& server, Client* client, Bytes& bytes, LinkContext& context);

// Nothing holds the client up any longer. It is asked after each message of the server, so that
// what becomes of a pipeline does not depend on how the server's bytes are cut.
bool may_go_on(const Client& client, const Server& server);

// The proof a server needs to leave its client: nothing owed, its last ReadyForQuery idle, no
// message half-way in either direction, no COPY, nothing unsent, and a client whose last message is
// whole.
bool provably_clean(const Server& server, const Client* client);

// All of that but the certainty that nothing more comes (ReplyQueue::doubtful, or something has
// begun that was not asked for): its client is done with it, and nobody else may have it.
bool transaction_over(const Server& server, const Client* client);

// Whatever becomes of the server, its client waits for nothing of it, and has nothing there that it
// would miss.
bool is_done(const Client& client, const Server& server);

}  // namespace pgweir::session
