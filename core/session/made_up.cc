#include "core/session/made_up.h"

#include "core/wire/writer.h"

namespace pgweir::session {

void answer_made_up(Server& server, Client* client, LinkContext& context) {
  if (!server.stream.between_messages() || server.dying) return;
  while (const auto owed = server.owed.take_made_up()) {
    if (client == nullptr) continue;
    client->batch.answered();
    if (owed->change.unnamed) client->unnamed.confirm();
    std::string& message = context.out.scratch();
    wire::Writer(message)
        .begin(owed->request == Request::close ? wire::BackendType::close_complete
                                               : wire::BackendType::parse_complete)
        .end();
    context.out.send_copy(client->socket(), message);
    if (owed->change.client) client->statements.confirm(context.statements);
    client->state_at = context.now;  // from its last answer on a transaction is idle
  }
}

}  // namespace pgweir::session
