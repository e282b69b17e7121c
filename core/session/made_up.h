// Answers that no server gives, at their place among those it does.
#pragma once

#include "core/session/client.h"
#include "core/session/link.h"
#include "core/session/server.h"

namespace pgweir::session {

// Those that are next, if the server is not in the middle of a message. client: nobody hears them
// where it is null.
void answer_made_up(Server& server, Client* client, LinkContext& context);

}  // namespace pgweir::session
