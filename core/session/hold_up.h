// Why a client's message is not sent yet, though it is here. It is held, and its client blocked,
// until may_go_on (link.h).
#pragma once

#include <cstddef>

#include "core/session/client.h"
#include "core/session/client_message.h"
#include "core/session/link.h"
#include "core/session/server.h"

namespace pgweir::session {

// A cancel on its way may hit what has been sent, but nothing that comes after it; data of a COPY
// and the Sync of a batch are part of what was. next: the type of the message.
inline bool may_be_hit_by_cancel(const Server& server, std::byte next) {
  if (!server.cancel && !server.cancel_wanted && !server.cancel_in_doubt) return false;
  const bool ends_batch = static_cast<wire::FrontendType>(next) == wire::FrontendType::sync;
  return !server.owed.copying_in() && !(ends_batch && server.owed.lacks_sync());
}

// What it depends on is not answered. Requires: changes or the unnamed statement are in doubt.
bool is_asked_too_early(const Server& server, const Opening& opening);

// All of a Parse that is cut is to be here; but not of one that is too long to be looked at.
bool wants_rest(const Opening& opening);

// It is not all there yet (MessageStream::wants_whole), or what it depends on is not answered
// (Client::blocked).
inline bool waits(Client& client, const Server& server, const Opening& opening) {
  const auto type = static_cast<wire::FrontendType>(opening.header.type);
  const bool for_settings = waits_for_settings(server) && asks_something(type);
  const bool cut = type == wire::FrontendType::parse && !opening.whole();
  client.stream.wants_whole = cut && !for_settings && wants_rest(opening);
  const bool doubtful = server.owed.waits_for_changes() || server.owed.unnamed_in_doubt();
  client.blocked = for_settings ||
                   (doubtful && !client.stream.wants_whole && is_asked_too_early(server, opening));
  return client.blocked || client.stream.wants_whole;
}

}  // namespace pgweir::session
