// What becomes of what a server's session was sent, when all is answered: what follows the client
// to other servers, and what stays there. Invariants I-17 and I-18 of docs/invariants.md.
#pragma once

#include "core/session/link.h"

namespace pgweir::session {

// All that a server was sent is answered, and its transaction is over. Settings whose value is
// known are recorded for the server, and are its client's from now on (none: it is gone): they keep
// no server. What is back at the server's defaults (RESET, DISCARD ALL) is not recorded any more,
// and is for the client what its startup packet asked for. Where something failed or was rolled
// back it is not known what there is: it stays state of the session.
// A parameter that the server reports and RESET has taken back is for the client what its session
// began with, and it is told so where PostgreSQL would have.
void settle_unsettled(Server& server, Client* client, LinkContext& context);
inline void settle_session(Server& server, Client* client, LinkContext& context) {
  if (!server.session.is_settled()) settle_unsettled(server, client, context);
}

// Of such a parameter while its transaction goes on: all that was sent is answered. It is told what
// it will be, and the server gives it back only when the transaction is over.
void tell_parameters_taken_back(Server& server, Client& client, LinkContext& context);
// Whether what the server reports of it is not told: it is the server's own value, not the
// client's.
bool is_taken_back(const Server& server, const Client& client, std::size_t parameter);

}  // namespace pgweir::session
