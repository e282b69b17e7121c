// Cancelling (PostgreSQL: "Message Flow", Canceling Requests in Progress). A cancel hits the
// statement it was meant for or nothing: while one is in flight its server does not change hands,
// and its client's next statement is held.
#include <utility>

#include "core/base/text.h"
#include "core/machine_core.h"
#include "core/session/unlinked.h"
#include "core/wire/writer.h"

namespace pgweir {

using session::ClientState;
using session::ServerState;

// Answers nothing, whatever the key is worth: the connection is closed.
void Machine::Core::cancel_requested(Client& requester, const wire::CancelRequest& request) {
  const bool ours = session::CancelKey::replica_of(request.secret) == seat_.replica;
  if (!ours) note_foreign_cancel(requester);
  if (ours && pass_on_cancel(requester, request)) return;
  close_client(requester, effect::CloseWhen::when_sent, "cancel request");
  if (ours) cancel_by(request.pid, request.secret);
}

// Its key was given out by another process, or by nobody: what stands in front of the replicas has
// brought it to the wrong one. Not each is noted, because there may be very many.
void Machine::Core::note_foreign_cancel(const Client& requester) {
  ++foreign_cancels_total_;
  if (now_ < foreign_cancels_note_at_) return;
  foreign_cancels_note_at_ = after(now_, limits::foreign_cancels_noted_every);
  note(NoteKind::foreign_cancels, Level::warning, requester.socket(), nullptr,
       join(foreign_cancels_total_ - std::exchange(foreign_cancels_noted_, foreign_cancels_total_),
            " cancel requests brought a key that this pgweir did not give out, and were dropped: ",
            "if several stand behind one address, each client's cancels have to reach its own"));
}

// Of a client of this machine, if it is still there and that is its secret.
void Machine::Core::cancel_by(std::uint32_t id, Bytes secret) {
  const auto found = cancel_keys_.find(id);
  if (found == cancel_keys_.end()) return;
  Client& client = *clients_.find(found->second);
  if (client.cancel_key.opened_by(secret, vault_)) cancel_client(client);
}

// What it has asked.
void Machine::Core::cancel_client(Client& client) {
  // Its request has not been sent: it waits for a server as others do.
  if (client.state == ClientState::active && client.untried) {
    lose_client(client);
    client.blocked = false;
    return cancel_waiting(client);
  }
  if (client.state == ClientState::active) {
    Server& server = *servers_.find(client.server);
    if (server.owed.swallowing()) {
      server.cancel_wanted = true;  // when what the client asked has its turn
    } else if (!server.owed.empty()) {
      start_cancel(server);
    } else if (server.cancel && client.blocked) {
      client.cancel_held = true;  // the one on its way was meant for what is answered
    }
  } else if (client.state == ClientState::waiting) {
    Pool& pool = *pools_.find(client.pool);
    pool.waiting.remove(clients_, client);
    touch(pool);
    client.become(ClientState::idle, now_);
    cancel_waiting(client);
  }
}

// What it asked is at the front of what is held. Requires: idle.
void Machine::Core::cancel_waiting(Client& client) {
  Bytes held = client.stream.take_held(out_.arena());
  const PgError error{sqlstate::query_canceled, "canceling statement due to user request"};
  session::reject_request(client, held, error, out_);
  idle_bytes(client, held);
  if (client.state == ClientState::idle) {
    if (draining_ || pools_.find(client.pool)->retired) return drain_client(client);
    update_reading(client);
  }
  end_if_done(client);
}

// At most one in flight a server: a second would say the same.
void Machine::Core::start_cancel(Server& server) {
  if (server.cancel || server.backend_secret.empty()) return;
  const auto [handle, made] = cancellers_.emplace();
  Canceller& canceller = *made;
  canceller.self = handle;
  canceller.target = server.self;
  canceller.began_at = now_;
  canceller.timer = timers_.add({TimerOwner::Kind::cancel, handle.slot, handle.generation});
  wire::Writer(canceller.request)
      .begin_untyped()
      .u32(wire::cancel_request_code)
      .u32(server.backend_pid)
      .bytes(server.backend_secret)
      .end();
  server.cancel = handle;
  out_.add(effect::Connect{socket_of(handle), server.endpoint});
  cancel_due(canceller);
}

void Machine::Core::cancel_connected(Canceller& canceller) {
  if (canceller.closing) return;
  canceller.sent = true;
  out_.send_copy(socket_of(canceller.self), canceller.request);
}

void Machine::Core::close_cancel(Canceller& canceller) {
  if (canceller.closing) return;
  canceller.closing = true;
  out_.add(effect::Close{socket_of(canceller.self), effect::CloseWhen::now});
}

void Machine::Core::cancel_due(Canceller& canceller) {
  if (settings_.cancel_wait_timeout == Duration::zero()) return;
  const Instant due = after(canceller.began_at, settings_.cancel_wait_timeout);
  if (due <= now_) return close_cancel(canceller);
  timers_.at_latest(canceller.timer, due);
}

// Its socket is gone. A cancel that was sent but not seen through may still hit: its server gets
// nothing more to do, from anybody.
void Machine::Core::cancel_ended(Canceller& canceller) {
  Server* server = servers_.find(canceller.target);
  const bool in_doubt = canceller.sent && !canceller.answered;
  if (canceller.answered) {
    note(NoteKind::cancel_sent, Level::info, socket_of(canceller.self),
         server != nullptr ? pools_.find(server->pool) : nullptr, {});
  }
  timers_.remove(canceller.timer);
  cancellers_.erase(canceller.self);
  if (server == nullptr) return;
  server->cancel = {};
  if (in_doubt) server->stale = server->cancel_in_doubt = true;
  if (server->state == ServerState::settling) return after_reply(*server);
  if (server->state == ServerState::recovering) return recover(*server);
  Client* client = clients_.find(server->client);
  if (client == nullptr) return;
  if (client->blocked) {
    continue_client(*client);
    return end_if_done(*client);
  }
  if (in_doubt && idles_with_server(*client)) fail_in_doubt(*client);
}

}  // namespace pgweir
