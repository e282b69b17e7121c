// Making a server clean that a client has left: what it lost is drained and rolled back, what stays
// in its session is reset.
#include "core/base/text.h"
#include "core/machine_core.h"
#include "core/session/connect_query.h"
#include "core/session/session_state.h"
#include "core/session/settle.h"
#include "core/wire/writer.h"

namespace pgweir {

using session::ClientState;
using session::HostSign;
using session::OwnQuery;
using session::ServerState;
using session::StateKind;
using wire::FrontendType;

// The client goes while it has a server: keep the server only where it will be provably clean.
void Machine::Core::lose_client(Client& client) {
  Server& server = *servers_.find(client.server);
  const bool half_sent = !client.stream.between_messages() && client.stream.forward;
  const bool replicates = server.replication != session::Replication::none;
  // While it still has its client: half a message says that nothing may follow it.
  if (half_sent || replicates) {
    close_server(server, half_sent ? "half a message was sent" : "its client left");
  }
  part(client, server);
  client.become(ClientState::idle, now_);
  if (half_sent || replicates) return;
  if (server.dying) {
    heed_last_words(server);
    return close_server(server, "the server ended the session");
  }
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
  switch (server.own_query) {
    case OwnQuery::none: break;
    case OwnQuery::reset: return reset_ended(server);
    case OwnQuery::check: return check_ended(server);
    case OwnQuery::connect: return connect_query_ended(server);
  }
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
  ask(server, OwnQuery::reset, query, std::move(does));
}

// Requires: it is provably clean, and no cancel may hit it.
void Machine::Core::ask(Server& server, OwnQuery what, std::string_view query,
                        session::StateEffects does) {
  if (server.state != ServerState::recovering) server.become(ServerState::recovering, now_);
  server.state_at = now_;
  server.recovery_bytes = 0;
  server.own_query = what;
  server.cancel_tried = false;
  std::string& message = out_.scratch();
  wire::Writer(message).begin(FrontendType::query).text(query).end();
  out_.send_copy(server.socket(), message);
  server.unnamed_owner = {};
  does.rolls_back = false;  // there is nothing to be taken back
  server.session.sent(does);
  const bool forgets = does.forgets_statements && server.statements.remove_all();
  server.owed.push({.request = session::Request::query,
                    .fate = session::Fate::swallow,
                    .change = {.server = forgets}});
  arm(server);
}

void Machine::Core::reset_ended(Server& server) {
  if (!provably_clean(server, nullptr)) return;
  server.own_query = OwnQuery::none;
  if (server.session.has_failed()) {
    note_own_error(server, "server_reset_query");
    return close_server(server, "server_reset_query failed");
  }
  session::LinkContext context = this->context(*pools_.find(server.pool));
  settle_session(server, nullptr, context);
  server.connect_query_undone = true;
  // It is not known what the query has left of them.
  if (server.settings != session::no_value) return take_back_settings(server, context);
  server.session.clear();
  server.stand_ins.clear();
  make_available(server);
}

// Its host was marked, or it has said that it ends and nothing behind that, or nothing for
// server_check_delay. (What it says in a step serves for that step.)
bool Machine::Core::is_unchecked(const Server& server) const {
  const HostSign last = said_last(server);
  if (server.doubted || last == HostSign::ends_sessions || last == HostSign::has_crashed) {
    return true;
  }
  return now_ - server.heard_at >= settings_.server_check_delay && server.heard_at != now_ &&
         !settings_.server_check_query.empty();
}

// Where server_check_query is empty, by a query without a statement. Requires: it is idle.
void Machine::Core::check(Server& server) {
  Pool& pool = *pools_.find(server.pool);
  std::erase(pool.idle, server.self);
  ++pool.answering_count;
  const std::string_view query = settings_.server_check_query;
  const std::string_view text = query == empty_query ? std::string_view() : query;
  ask(server, OwnQuery::check, text, session::state_effects(text, false));
}

void Machine::Core::check_ended(Server& server) {
  if (!server.owed.empty()) return;
  if (server.session.has_failed()) {
    note_own_error(server, "server_check_query");
    return close_server(server, "server_check_query failed");
  }
  server.doubted = false;
  server.checked_at = now_;
  stop_asking(server);
  // What it says unasked may have begun behind the answer: its rest says nothing of a mark
  // meanwhile.
  server.become(ServerState::settling, now_);
  arm(server);
  after_reply(server);
}

// What it leaves in the session is there for all.
void Machine::Core::send_connect_query(Server& server) {
  Pool& pool = *pools_.find(server.pool);
  ++pool.answering_count;
  ask(server, OwnQuery::connect, pool.database->settings.connect_query, {});
}

// What clients have set and pgweir keeps for them is set back before, or would be taken for theirs.
bool Machine::Core::asks_connect_query_again(Server& server) {
  Pool& pool = *pools_.find(server.pool);
  const std::string_view query = pool.database->settings.connect_query;
  // Set back to its default: to what the query sets only where its text tells it.
  const bool was_set = server.settings != session::no_value && !session::tells_what_it_sets(query);
  server.connect_query_undone |= was_set;
  if (!server.connect_query_undone) return false;
  if (server.settings == session::no_value) {
    server.connect_query_undone = false;
    send_connect_query(server);
    return true;
  }
  if (server.state != ServerState::recovering) server.become(ServerState::recovering, now_);
  session::LinkContext context = this->context(pool);
  take_back_settings(server, context);
  arm(server);
  return true;
}

// As PgBouncer has it, an error is told to the log and means nothing else.
void Machine::Core::connect_query_ended(Server& server) {
  if (!provably_clean(server, nullptr)) return;
  if (server.session.has_failed()) note_own_error(server, "connect_query");
  server.session.clear();
  stop_asking(server);
  make_available(server);
  learn_welcome(server);
}

void Machine::Core::note_own_error(Server& server, std::string_view query) {
  note(NoteKind::server_said, Level::warning, server.socket(), pools_.find(server.pool),
       join(query, " failed: ", std::exchange(server.own_error, {})));
}

// At first others are tried, or opened, for whoever waits.
void Machine::Core::answer_due(Server& server) {
  if (server.answers_late) {
    return close_server(server, server.own_query == OwnQuery::check
                                    ? "server_check_query was not answered"
                                    : "connect_query was not answered");
  }
  stop_counting_on(server);
  server.answers_late = true;
  arm(server);
  learn_welcome(server);
}

void Machine::Core::stop_asking(Server& server) {
  if (server.own_query != OwnQuery::check && server.own_query != OwnQuery::connect) return;
  stop_counting_on(server);
  server.own_query = OwnQuery::none;
  server.answers_late = false;
}

void Machine::Core::stop_counting_on(Server& server) {
  if (server.answers_late) return;
  Pool& pool = *pools_.find(server.pool);
  --pool.answering_count;
  touch(pool);
}

}  // namespace pgweir
