// Making a server clean that a client has left: what it lost is drained and rolled back, what stays
// in its session is reset.
#include "core/base/text.h"
#include "core/machine_core.h"
#include "core/session/session_state.h"
#include "core/session/settle.h"
#include "core/wire/writer.h"

namespace pgweir {

using session::ClientState;
using session::ServerState;
using session::StateKind;
using wire::FrontendType;

// The client goes while it has a server: keep the server only where it will be provably clean.
void Machine::Core::lose_client(Client& client) {
  Server& server = *servers_.find(client.server);
  const bool half_sent = !client.stream.between_messages() && client.stream.forward;
  // While it still has its client: half a message says that nothing may follow it.
  if (half_sent) close_server(server, "half a message was sent");
  part(client, server);
  client.become(ClientState::idle, now_);
  if (half_sent) return;
  if (server.dying) return close_server(server, "the server ended the session");
  // Of a client that is untried nothing is under way but what sets the server up, and that is
  // whole.
  if (server.congested && !client.untried) return close_server(server, "half a message was sent");
  if (server.owed.copying_in() || server.owed.lacks_sync() || server.owed.doubtful()) {
    return close_server(server, "its client was lost in the middle of a request");
  }
  server.stream.forward = false;
  server.owed.swallow_all();
  server.refused_names.clear();
  server.rolling_back = false;
  server.cancel_wanted = false;
  server.cancel_tried = false;
  server.recovery_bytes = 0;
  update_reading(server);
  if (provably_clean(server, nullptr)) return make_available(server);  // between two transactions
  server.become(ServerState::recovering, now_);
  recover(server);
  if (server.state == ServerState::recovering) arm(server);
}

void Machine::Core::recover(Server& server) {
  if (server.recovery_bytes > limits::recovery_bytes_max) {
    return close_server(server, "its lost client's answer was too long to drain");
  }
  if (server.resetting) return reset_ended(server);
  if (server.owed.copying_in()) return close_server(server, "its client was lost in COPY");
  if (provably_clean(server, nullptr)) {
    note(NoteKind::server_recovered, Level::info, server.socket(), pools_.find(server.pool), {});
    return make_available(server);
  }
  if (!server.owed.settled() || !server.stream.between_messages()) return;
  if (server.cancel) return;  // it must not hit the ROLLBACK
  if (server.rolling_back) return close_server(server, "ROLLBACK did not end the transaction");
  server.rolling_back = true;
  server.session.failed();
  std::string& message = out_.scratch();
  wire::Writer(message).begin(FrontendType::query).text("ROLLBACK").end();
  out_.send_copy(server.socket(), message);
  server.unnamed_owner = {};
  server.owed.push({session::Request::query, session::Fate::swallow});
}

// Nobody else gets it before server_reset_query has been run. Requires: it is provably clean but
// for what a client has left in its session, and no cancel may hit it.
void Machine::Core::reset_session(Server& server) {
  const std::string& query = settings_.server_reset_query;
  session::StateEffects does = session::state_effects(query, false);
  const bool keeps_statements =
      server.session.holds(StateKind::prepared) && !does.forgets_statements;
  if (query.empty() || server.session.holds(StateKind::library) || keeps_statements) {
    return close_server(server, "what a client left in its session cannot be reset");
  }
  if (server.state != ServerState::recovering) server.become(ServerState::recovering, now_);
  server.state_at = now_;
  server.recovery_bytes = 0;
  server.resetting = true;
  server.cancel_tried = false;
  std::string& message = out_.scratch();
  wire::Writer(message).begin(FrontendType::query).text(query).end();
  out_.send_copy(server.socket(), message);
  server.unnamed_owner = {};
  does.rolls_back = false;  // there is nothing to be taken back
  server.session.sent(does);
  server.owed.push({.request = session::Request::query,
                    .fate = session::Fate::swallow,
                    .change = {.all = does.forgets_statements}});
  arm(server);
}

void Machine::Core::reset_ended(Server& server) {
  if (!provably_clean(server, nullptr)) return;
  server.resetting = false;
  if (server.session.has_failed()) {
    note(NoteKind::server_said, Level::warning, server.socket(), pools_.find(server.pool),
         "server_reset_query failed");
    return close_server(server, "server_reset_query failed");
  }
  session::LinkContext context = this->context(*pools_.find(server.pool));
  settle_session(server, nullptr, context);
  // It is not known what the query has left of them.
  if (server.settings != session::no_value) return take_back_settings(server, context);
  server.session.clear();
  make_available(server);
}

}  // namespace pgweir
