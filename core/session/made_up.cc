#include "core/session/made_up.h"

#include "core/wire/writer.h"

namespace pgweir::session {

namespace {

// DEALLOCATE of a name of the client's. In a failed transaction nothing is done, as in PostgreSQL.
void answer_deallocate(const Server& server, Client& client, LinkContext& context) {
  std::string& message = context.out.scratch();
  if (server.status == wire::TransactionStatus::failed) {
    client.statements.take_back(context.statements);
    wire::write_error(message, wire::ErrorSeverity::error,
                      {sqlstate::in_failed_sql_transaction,
                       "current transaction is aborted, commands ignored until end of transaction "
                       "block"});
  } else {
    client.statements.confirm(context.statements);
    wire::Writer(message).begin(wire::BackendType::command_complete).text("DEALLOCATE").end();
  }
  wire::write_ready(message, server.status);
  context.out.send_copy(client.socket(), message);
  client.state_at = context.now;
  ++context.totals.query_count;
  if (server.status == wire::TransactionStatus::idle) ++context.totals.xact_count;
}

}  // namespace

void answer_made_up(Server& server, Client* client, LinkContext& context) {
  if (!server.stream.between_messages() || server.dying) return;
  while (const auto owed = server.owed.take_made_up()) {
    if (client == nullptr) continue;
    if (owed->change.unnamed) client->unnamed.confirm();
    if (owed->request == Request::query) {
      answer_deallocate(server, *client, context);
      continue;
    }
    std::string& message = context.out.scratch();
    wire::Writer(message)
        .begin(owed->request == Request::close ? wire::BackendType::close_complete
                                               : wire::BackendType::parse_complete)
        .end();
    context.out.send_copy(client->socket(), message);
    if (owed->change.client) client->statements.confirm(context.statements);
  }
}

}  // namespace pgweir::session
