// What a client's socket says once it is in, and every way it goes.
#include "core/base/text.h"
#include "core/machine_core.h"
#include "core/session/unlinked.h"
#include "core/wire/writer.h"

namespace pgweir {

using session::ClientState;
using session::ServerState;
using session::Verdict;

void Machine::Core::client_bytes(Client& client, Bytes bytes) {
  switch (client.state) {
    case ClientState::startup: return startup_bytes(client, bytes);
    case ClientState::authenticating: return authentication_bytes(client, bytes);
    case ClientState::logging_in:
    case ClientState::waiting: return client.stream.hold(bytes);
    case ClientState::idle: return idle_bytes(client, bytes);
    case ClientState::active: return active_bytes(client, bytes);
    case ClientState::console: return console_bytes(client, bytes);
    case ClientState::closing: return;
  }
}

void Machine::Core::idle_bytes(Client& client, Bytes bytes) {
  const session::UnlinkedOutcome outcome = session::consume_unlinked(client, bytes, out_);
  switch (outcome.what) {
    case session::Unlinked::done:
      client.state_at = now_;  // it was active, though nothing of that needed a server
      return arm(client);
    case session::Unlinked::wants_server: return want_server(client, bytes);
    case session::Unlinked::leave: return client_left(client);
    case session::Unlinked::broken:
      if (outcome.error) return fail_client(client, *outcome.error);
      return close_client(client, effect::CloseWhen::now, "wrong message length");
  }
}

void Machine::Core::active_bytes(Client& client, Bytes bytes) {
  Server& server = *servers_.find(client.server);
  if (client.blocked) return client.stream.hold(bytes);
  // More data of a COPY is nothing that a cancel could hit instead.
  const bool says_more = bytes.size() > client.stream.body_left && !server.owed.copying_in();
  if (server.cancel_in_doubt && says_more) return fail_in_doubt(client);
  // Nothing is done for a client whose settings may yet be refused.
  if (client.untried) {
    client.blocked = true;
    client.stream.hold(bytes);
    update_reading(client);
    return arm(client);
  }
  session::LinkContext context = this->context(*pools_.find(client.pool));
  // RESET or DISCARD ALL has taken back what the client came with.
  const bool cancelled = server.cancel || server.cancel_wanted;
  const bool differs = client.settings != server.settings || client.parameters != server.parameters;
  if (differs && !cancelled && transaction_over(server, &client)) {
    client.request_at = client.transaction_at = now_;  // though only half of it may be there
    align_parameters(client, server, context);
  }
  act_on(client, server, session::forward_from_client(client, server, bytes, context));
  // The end of a late COPY message may be all that its release waited for; no reply will come.
  if (client.state == ClientState::active && client.stream.held.empty() &&
      may_leave(client, server)) {
    release(client, server);
  }
}

// Nothing more can be said to its server, which nobody else may get either.
void Machine::Core::fail_in_doubt(Client& client) {
  fail_client(
      client,
      {sqlstate::connection_failure,
       "cancel_wait_timeout: PostgreSQL has not confirmed a cancel request, which could hit "
       "the next statement instead",
       "The transaction in progress, if any, was not finished. Try again."});
}

// Goes on with what was held. Requires: idle or active.
void Machine::Core::continue_client(Client& client) {
  client.blocked = false;
  const bool cancelled = std::exchange(client.cancel_held, false);
  const Bytes held = client.stream.take_held(out_.arena());
  client_bytes(client, held);
  if (client.state != ClientState::closing) update_reading(client);
  if (cancelled) cancel_client(client);  // before more of it is heard, which was not meant
}

// It has no server any more, and asks for none but for what was held.
void Machine::Core::released(Client& client) {
  client.blocked = false;
  if (client.large_reads) {
    client.large_reads = false;
    out_.add(effect::ReadSize{client.socket(), false});
  }
  if (draining_ || pools_.find(client.pool)->retired) return drain_client(client);
  if (!client.stream.held.empty()) {
    continue_client(client);
  } else {
    update_reading(client);
  }
  end_if_done(client);
  if (client.state == ClientState::idle) arm(client);
}

// What the link said about a client's bytes or its server's.
void Machine::Core::act_on(Client& client, Server& server, session::LinkOutcome outcome) {
  switch (outcome.verdict) {
    case Verdict::carry_on:
      if (client.stream.body_left > limits::client_read_size && !client.large_reads) {
        client.large_reads = true;
        out_.add(effect::ReadSize{client.socket(), true});
      }
      if (client.blocked) update_reading(client);
      return arm(client);
    case Verdict::go_on: return continue_client(client);
    case Verdict::desync: return desync(server, server.trail.text());
    case Verdict::leave: return close_client(client, effect::CloseWhen::when_sent, "client left");
    case Verdict::broken:
      if (outcome.error) return fail_client(client, *outcome.error);
      return close_client(client, effect::CloseWhen::now, "wrong message length");
    case Verdict::setup: {
      // Nothing was changed, and nothing follows: the server is as good as it was.
      const bool tried_here = client.untried && server.settings == session::no_value;
      if (tried_here) return fail_client(client, *outcome.error);
      part(client, server);
      client.become(ClientState::idle, now_);
      // What follows on that server was sent in the belief that the parameters hold.
      close_server(server, "a client's parameters were refused");
      if (!client.untried) return fail_client(client, *outcome.error);
      return continue_client(client);  // they were another's, and could not be taken back
    }
  }
}

// It said Terminate, so it reads no more.
void Machine::Core::client_left(Client& client) {
  close_client(client, effect::CloseWhen::now, "client left");
}

void Machine::Core::client_peer_done(Client& client) {
  client.peer_done = true;
  client.peer_done_at = now_;
  end_if_done(client);
  if (client.state != ClientState::closing) arm(client);
}

// A client that sends no more still gets the answers to what it asked.
void Machine::Core::end_if_done(Client& client) {
  if (!client.peer_done || client.state == ClientState::closing) return;
  if (client.state == ClientState::waiting || leaving_.contains(client.self)) return;
  // What other machines say is awaited: it is not long, and all of them answer.
  if (client.state == ClientState::console && client.blocked) return;
  if (client.state == ClientState::authenticating && client.login->admitting) return;
  if (client.cancelling) return;
  if (client.state == ClientState::active) {
    const Server& server = *servers_.find(client.server);
    // What is held it has asked, too.
    if (client.untried || client.blocked) return;
    if (!server.owed.empty() && !server.owed.lacks_sync() && !server.owed.copying_in() &&
        client.stream.between_messages()) {
      return;
    }
  }
  close_client(client, effect::CloseWhen::when_sent, "client left");
}

// FATAL, and the end. Nothing is put into the middle of a message of its server.
void Machine::Core::fail_client(Client& client, const PgError& error) {
  if (client.state == ClientState::closing) return;
  if (client.state == ClientState::active) {
    const Server& server = *servers_.find(client.server);
    if (!server.stream.between_messages() && server.stream.forward) {
      note(NoteKind::half_message_lost, Level::warning, client.socket(), pools_.find(client.pool),
           error.message);
      return close_client(client, effect::CloseWhen::now, error.message);
    }
  }
  std::string& message = out_.scratch();
  write_error(message, wire::ErrorSeverity::fatal, error);
  out_.send_copy(client.socket(), message);
  if (settings_.log_pooler_errors) {
    note(NoteKind::client_refused, Level::warning, client.socket(), pools_.find(client.pool),
         error.message, error.code.text());
  }
  close_client(client, effect::CloseWhen::when_sent, error.message);
}

void Machine::Core::close_client(Client& client, effect::CloseWhen when, std::string_view why) {
  if (client.state == ClientState::closing) return;
  if (client.state == ClientState::active) lose_client(client);
  if (client.cancelling) withdraw_cancel(client);
  leave_queues(client);
  if (client.logged_in() && settings_.log_disconnections) {
    note(NoteKind::client_closed, Level::info, client.socket(), pools_.find(client.pool), why);
  }
  if (client.cancel_key.id() != 0) cancel_keys_.erase(client.cancel_key.id());
  if (std::exchange(client.counted, false)) --logged_in_count_;
  if (std::exchange(client.from_first, false)) ++left_.clients;
  give_up_place(client);
  if (Pool* pool = pools_.find(client.pool)) {
    --pool->client_count;
    if (--pool->database->client_count == 0) database_unused(*pool->database);
    --pool->user->client_count;
    touch(*pool);
  }
  if (client.state == ClientState::console) --console_count_;
  client.become(ClientState::closing, now_);
  client.statements.clear(statements_);
  client.stream = {};
  out_.add(effect::Close{client.socket(), when});
}

void Machine::Core::leave_queues(Client& client) {
  if (leaving_.erase(client.self) > 0) {
    for (seats::Outbox& outbox : outboxes_) outbox.withdraw(client.self);
  }
  switch (client.state) {
    case ClientState::startup:
    case ClientState::authenticating:
      if (!client.counted) unauthenticated_.remove(clients_, client);
      return;
    case ClientState::logging_in: {
      Pool& pool = *pools_.find(client.pool);
      const bool replicates = client.replication != session::Replication::none;
      pool::WaitQueue& queue = replicates ? pool.replicating : pool.logging_in;
      const bool queued = client.wait_previous || client.wait_next || queue.first() == client.self;
      if (queued) queue.remove(clients_, client);
      if (Server* server = servers_.find(client.opening)) {
        close_server(*server, "its client left");
      }
      return;
    }
    case ClientState::waiting: return pools_.find(client.pool)->waiting.remove(clients_, client);
    case ClientState::idle:
    case ClientState::active:
    case ClientState::console:
    case ClientState::closing: return;
  }
}

void Machine::Core::client_closed(Client& client) {
  PGWEIR_REQUIRE(client.state == ClientState::closing, client.self.slot, client.state);
  if (client.unacknowledged) tell(*client.unacknowledged, seats::HandedOver{1});
  timers_.remove(client.timer);
  values_.drop(client.parameters);
  values_.drop(client.first_parameters);
  values_.release(client.settings);
  values_.release(client.startup);
  values_.release(client.user);
  clients_.erase(client.self);
  exit_if_drained();
}

// Reading stops where bytes would only pile up here.
void Machine::Core::update_reading(Client& client) {
  bool stop = false;
  switch (client.state) {
    case ClientState::startup: stop = leaving_.contains(client.self); break;
    case ClientState::idle: break;
    case ClientState::authenticating:
      stop = client.login->deriving || client.login->admitting;
      break;
    case ClientState::logging_in:
    case ClientState::waiting: stop = true; break;
    case ClientState::active:
      stop = client.blocked || servers_.find(client.server)->congested;
      break;
    case ClientState::console: stop = client.congested || client.blocked; break;
    case ClientState::closing: return;
  }
  if (stop == client.reading_stopped) return;
  client.reading_stopped = stop;
  if (stop) {
    out_.add(effect::StopReading{client.socket()});
  } else {
    out_.add(effect::ResumeReading{client.socket()});
  }
}

namespace {

// Its last transaction is over, and only the rest of a notice or such keeps its server from
// leaving.
bool between_transactions(const session::Client& client, const session::Server& server) {
  return server.owed.settled() && server.status == wire::TransactionStatus::idle &&
         client.stream.between_messages() && client.stream.held.empty();
}

bool keeps(const session::Server& server) { return server.whole_session || server.pinned; }

}  // namespace

// Its transaction is over, and its pool_mode or what it has left in its session keeps its server.
bool Machine::Core::idles_with_server(const Client& client) const {
  if (client.state != ClientState::active) return false;
  const Server& server = *servers_.find(client.server);
  return keeps(server) && between_transactions(client, server);
}

// The earliest of the clocks that run in the client's state.
Instant Machine::Core::client_deadline(const Client& client) const {
  switch (client.state) {
    case ClientState::startup:
      if (client.cancelling) return never;  // it is let go when its cancel has come to its machine
      [[fallthrough]];
    case ClientState::authenticating:
    case ClientState::logging_in:
      return deadline_after(client.connected_at, settings_.client_login_timeout);
    case ClientState::idle: return deadline_after(client.state_at, settings_.client_idle_timeout);
    case ClientState::waiting: {
      const Instant due = deadline_after(client.request_at, settings_.query_wait_timeout);
      return client.peer_done ? std::min(due, after(client.peer_done_at, limits::half_closed_wait))
                              : due;
    }
    case ClientState::active: return active_deadline(client, *servers_.find(client.server));
    case ClientState::console:
    case ClientState::closing: return never;
  }
  return never;
}

Instant Machine::Core::active_deadline(const Client& client, const Server& server) const {
  Instant due = deadline_after(client.transaction_at, settings_.transaction_timeout);
  if (between_transactions(client, server)) {
    // Nobody asks anything of it, and no setting is about that.
    due = keeps(server) ? deadline_after(client.state_at, settings_.client_idle_timeout) : never;
    if (server.congested) {
      due = std::min(
          due, after(std::max(server.congested_at, client.transaction_at), limits::recovery_wait));
    }
  } else if (!has_clocks(server)) {
    due = never;
  } else if (server.owed.empty()) {
    due = std::min(due, deadline_after(client.state_at, settings_.idle_transaction_timeout));
  } else {
    due = std::min(due, deadline_after(client.request_at, settings_.query_timeout));
  }
  if (client.peer_done) due = std::min(due, after(client.peer_done_at, limits::half_closed_wait));
  return due;
}

void Machine::Core::client_due(Client& client) {
  if (client_deadline(client) > now_) return arm(client);
  const auto late = [&](SqlState code, std::string_view setting, Duration limit,
                        std::string_view what) {
    fail_client(client, {code, join(setting, ": ", what, " for ", in_seconds(limit))});
  };
  switch (client.state) {
    case ClientState::startup:
    case ClientState::authenticating:
      return late(sqlstate::query_canceled, "client_login_timeout", settings_.client_login_timeout,
                  "the login was not finished");
    case ClientState::logging_in:
      return fail_client(client, wait_error(client, "client_login_timeout (server down)",
                                            settings_.client_login_timeout));
    case ClientState::waiting:
      if (client.peer_done && after(client.peer_done_at, limits::half_closed_wait) <= now_) {
        return close_client(client, effect::CloseWhen::now, "client left before its answer");
      }
      return fail_client(client,
                         wait_error(client, "query_wait_timeout", settings_.query_wait_timeout));
    case ClientState::idle:
      return late(sqlstate::idle_session_timeout, "client_idle_timeout",
                  settings_.client_idle_timeout, "the client was idle");
    case ClientState::active: {
      if (client.peer_done && after(client.peer_done_at, limits::half_closed_wait) <= now_) {
        return close_client(client, effect::CloseWhen::when_sent, "client left before its answer");
      }
      Server& server = *servers_.find(client.server);
      if (between_transactions(client, server)) {
        const Instant stuck_at =
            after(std::max(server.congested_at, client.transaction_at), limits::recovery_wait);
        if (server.congested && stuck_at <= now_) return server_lost(server, Reason::timed_out);
        return late(sqlstate::idle_session_timeout, "client_idle_timeout",
                    settings_.client_idle_timeout, "the client was idle");
      }
      if (deadline_after(client.transaction_at, settings_.transaction_timeout) <= now_) {
        return late(sqlstate::transaction_timeout, "transaction_timeout",
                    settings_.transaction_timeout, "the transaction was open");
      }
      if (server.owed.empty()) {
        return late(sqlstate::idle_in_transaction_session_timeout, "idle_transaction_timeout",
                    settings_.idle_transaction_timeout, "the transaction was idle");
      }
      return late(sqlstate::query_canceled, "query_timeout", settings_.query_timeout,
                  "the query ran");
    }
    case ClientState::console:
    case ClientState::closing: return;
  }
}

}  // namespace pgweir
