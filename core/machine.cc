#include "core/machine.h"

#include <algorithm>

#include "core/base/assert.h"
#include "core/base/text.h"
#include "core/machine_core.h"

namespace pgweir {

using session::ClientState;
using session::ServerState;

Machine::Machine(Settings settings, auth::Vault& vault, Seat seat)
    : core_(std::make_unique<Core>(std::move(settings), vault, seat)) {}
Machine::~Machine() = default;

std::span<const Effect> Machine::step(Instant now, const Event& event) {
  return core_->step(now, event);
}
std::optional<Wake> Machine::deadline() const { return core_->deadline(); }
void Machine::check_invariants() const { core_->check_invariants(); }
std::uint64_t Machine::fingerprint() const { return core_->fingerprint(); }
std::string Machine::left_over() const { return core_->left_over(); }
SocketId Machine::client_of(SocketId server) const { return core_->client_of(server); }

Machine::Core::Core(Settings settings, auth::Vault& vault, Seat seat) : vault_(vault), seat_(seat) {
  timer_ = timers_.add({TimerOwner::Kind::machine, 0, 0});
  applied_.resize(seat_.machines);
  spread_.resize(seat_.machines);
  outboxes_.resize(seat_.machines);
  inboxes_.resize(seat_.machines);
  settings_ = std::move(settings);
}

std::span<const Effect> Machine::Core::step(Instant now, const Event& event) {
  PGWEIR_REQUIRE(now >= now_ || !begun_, now.time_since_epoch().count());
  out_.reset();
  if (seat_.machines > 1) note_lateness(now);
  now_ = now;
  if (!begun_) begin();
  std::visit([this](const auto& happened) { on(happened); }, event);
  fire_timers();
  finish_step();
  return out_.effects();
}

// Of what was due by then, as the shell had been told after the last step.
void Machine::Core::note_lateness(Instant now) {
  const auto due = timers_.next();
  if (due && *due < now && now_ < now) lateness_.note(now, now - std::max(*due, now_));
}

void Machine::Core::begin() {
  begun_ = true;
  period_began_ = now_;
  stats_at_ = after(now_, settings_.stats_period);
  timers_.at_latest(timer_, stats_at_);
  apply(std::move(settings_));
  set_accepting();
}

// Every pool that something happened to is looked at before the step ends, so that nobody waits
// beside a free server (I-06).
void Machine::Core::finish_step() {
  for (std::uint32_t rounds = 0; !dirty_.empty() || !ledger_.dirty.empty(); ++rounds) {
    PGWEIR_REQUIRE(rounds < limits::step_rounds_max, dirty_.size(), ledger_.dirty.size());
    for (std::size_t i = 0; i < dirty_.size(); ++i) {
      if (Pool* pool = pools_.find(dirty_[i])) serve(*pool);
    }
    dirty_.clear();
    settle_accounts();
  }
  if (left_ != seats::Left{}) tell(0, std::exchange(left_, {}));  // once for all of this step
}

void Machine::Core::set_accepting() {
  if (seat_.machine != 0) return;
  const effect::Accept how = draining_                   ? effect::Accept::ended
                             : accept_again_at_ != never ? effect::Accept::paused
                                                         : effect::Accept::on;
  if (how == accepting_) return;
  accepting_ = how;
  out_.add(effect::Accepting{how});
}

void Machine::Core::note(NoteKind kind, Level level, SocketId socket, const Pool* pool,
                         std::string_view text, std::string_view code) {
  if (kind == NoteKind::half_message_lost) ++half_message_lost_total_;
  if (kind == NoteKind::protocol_desync) ++protocol_desync_total_;
  Note said{kind, level, socket};
  if (pool != nullptr) {
    said.database = out_.arena().copy(pool->database->settings.name);
    said.user = out_.arena().copy(pool->user->name);
  }
  said.text = out_.arena().copy(text);
  said.sqlstate = code;
  if (socket.kind == SocketKind::client) {
    if (const Client* client = clients_.find({socket.slot, socket.generation})) {
      said.peer = client->peer;
      if (client->login) {
        said.database = out_.arena().copy(client->login->database);
        said.user = out_.arena().copy(client->login->user);
      }
    }
  } else if (const Server* server = servers_.find({socket.slot, socket.generation});
             server != nullptr && socket.kind == SocketKind::server) {
    said.peer = server->endpoint;
    said.value = server->backend_pid;
  }
  out_.add(said);
}

Machine::Core::Client& Machine::Core::add_client(ClientHandle handle) {
  Client& client = clients_.place(handle);
  client.self = handle;
  client.state_at = now_;
  client.timer = timers_.add({TimerOwner::Kind::client, handle.slot, handle.generation});
  unauthenticated_.push_back(clients_, client);
  return client;
}

void Machine::Core::on(const event::Accepted& event) {
  Client& client = add_client(event.client);
  client.peer = event.peer;
  client.peer.path = {};
  client.local = event.local;
  client.local.path = {};
  client.uid = event.uid;
  client.connected_at = now_;
  arm(client);
  if (!spread(client)) bound_unauthenticated();
}

// Of each machine: all who log in to one database do so at the same.
void Machine::Core::bound_unauthenticated() {
  if (unauthenticated_.size() <= limits::clients_unauthenticated_max) return;
  fail_client(*clients_.find(unauthenticated_.first()),
              {sqlstate::too_many_connections, "too many connections that have not logged in yet"});
}

void Machine::Core::on(const event::AcceptFailed&) {
  note(NoteKind::accept_paused, Level::warning, {}, nullptr, "out of file descriptors");
  accept_again_at_ = after(now_, limits::accept_pause);
  timers_.at_latest(timer_, accept_again_at_);
  set_accepting();
}

void Machine::Core::on(const event::Received& event) {
  switch (event.socket.kind) {
    case SocketKind::client:
      if (Client* client = clients_.find({event.socket.slot, event.socket.generation})) {
        client_bytes(*client, event.bytes);
      }
      return;
    case SocketKind::server:
      if (Server* server = servers_.find({event.socket.slot, event.socket.generation})) {
        server_bytes(*server, event.bytes);
      }
      return;
    case SocketKind::cancel: return;  // PostgreSQL only closes it
  }
}

void Machine::Core::on(const event::PeerDone& event) {
  switch (event.socket.kind) {
    case SocketKind::client:
      if (Client* client = clients_.find({event.socket.slot, event.socket.generation})) {
        client_peer_done(*client);
      }
      return;
    case SocketKind::server:
      if (Server* server = servers_.find({event.socket.slot, event.socket.generation})) {
        server_lost(*server, Reason::none);
      }
      return;
    case SocketKind::cancel:
      if (Canceller* canceller = cancellers_.find({event.socket.slot, event.socket.generation})) {
        canceller->answered = canceller->sent;
        close_cancel(*canceller);
      }
      return;
  }
}

void Machine::Core::on(const event::Hangup& event) {
  switch (event.socket.kind) {
    case SocketKind::client:
      if (Client* client = clients_.find({event.socket.slot, event.socket.generation})) {
        close_client(*client, effect::CloseWhen::now, "client connection lost");
      }
      return;
    case SocketKind::server:
      if (Server* server = servers_.find({event.socket.slot, event.socket.generation})) {
        server_lost(*server, event.why);
      }
      return;
    case SocketKind::cancel:
      if (Canceller* canceller = cancellers_.find({event.socket.slot, event.socket.generation})) {
        // A reset comes after PostgreSQL was done with it as well as before: doubt.
        close_cancel(*canceller);
      }
      return;
  }
}

// What one side cannot take, the other is not read for.
void Machine::Core::on(const event::Congested& event) {
  if (event.socket.kind == SocketKind::client) {
    Client* client = clients_.find({event.socket.slot, event.socket.generation});
    if (client == nullptr || client->state == ClientState::closing) return;
    client->congested = true;
    if (Server* server = servers_.find(client->server)) update_reading(*server);
    if (client->state == ClientState::console) update_reading(*client);
  } else if (event.socket.kind == SocketKind::server) {
    Server* server = servers_.find({event.socket.slot, event.socket.generation});
    if (server == nullptr || server->state == ServerState::closing) return;
    server->congested = true;
    server->congested_at = now_;
    if (Client* client = clients_.find(server->client)) {
      update_reading(*client);
      arm(*client);
    }
    if (server->state == ServerState::idle) after_reply(*server);
  }
}

void Machine::Core::on(const event::Drained& event) {
  if (event.socket.kind == SocketKind::client) {
    Client* client = clients_.find({event.socket.slot, event.socket.generation});
    if (client == nullptr || client->state == ClientState::closing) return;
    client->congested = false;
    if (Server* server = servers_.find(client->server)) update_reading(*server);
    if (client->state == ClientState::console && !client->blocked) continue_client(*client);
  } else if (event.socket.kind == SocketKind::server) {
    Server* server = servers_.find({event.socket.slot, event.socket.generation});
    if (server == nullptr || server->state == ServerState::closing) return;
    server->congested = false;
    if (Client* client = clients_.find(server->client)) update_reading(*client);
    after_reply(*server);
  }
}

void Machine::Core::on(const event::Connected& event) {
  if (event.socket.kind == SocketKind::server) {
    if (Server* server = servers_.find({event.socket.slot, event.socket.generation})) {
      server_connected(*server, event);
    }
  } else if (event.socket.kind == SocketKind::cancel) {
    if (Canceller* canceller = cancellers_.find({event.socket.slot, event.socket.generation})) {
      cancel_connected(*canceller);
    }
  }
}

void Machine::Core::on(const event::ConnectFailed& event) {
  if (event.socket.kind == SocketKind::server) {
    if (Server* server = servers_.find({event.socket.slot, event.socket.generation})) {
      server->socket_gone = true;
      server_lost(*server, event.why);
      server_closed(*server);
    }
  } else if (event.socket.kind == SocketKind::cancel) {
    if (Canceller* canceller = cancellers_.find({event.socket.slot, event.socket.generation})) {
      cancel_ended(*canceller);
    }
  }
}

void Machine::Core::on(const event::Closed& event) {
  switch (event.socket.kind) {
    case SocketKind::client:
      if (Client* client = clients_.find({event.socket.slot, event.socket.generation})) {
        client_closed(*client);
      }
      return;
    case SocketKind::server:
      if (Server* server = servers_.find({event.socket.slot, event.socket.generation})) {
        server_closed(*server);
      }
      return;
    case SocketKind::cancel:
      if (Canceller* canceller = cancellers_.find({event.socket.slot, event.socket.generation})) {
        cancel_ended(*canceller);
      }
      return;
  }
}

void Machine::Core::on(const event::Derived& event) {
  const auto found = std::find_if(derivations_.begin(), derivations_.end(),
                                  [&](const Derivation& d) { return d.ticket == event.ticket; });
  if (found == derivations_.end()) return;
  const Derivation finished = std::move(*found);
  derivations_.erase(found);
  start_derivations();
  for (const ClientHandle handle : finished.clients) {
    if (Client* client = clients_.find(handle))
      verifier_derived(*client, finished.credential, event.done);
  }
  for (const ServerHandle handle : finished.servers) {
    if (Server* server = servers_.find(handle)) server_derived(*server, event.done);
  }
}

void Machine::Core::on(const event::WallClock& event) { wall_offset_ = event.offset; }
void Machine::Core::on(const event::Woke&) {}

void Machine::Core::fire_timers() {
  while (const auto owner = timers_.pop(now_)) fire(*owner);
}

void Machine::Core::fire(TimerOwner owner) {
  switch (owner.kind) {
    case TimerOwner::Kind::client:
      if (Client* client = clients_.find({owner.slot, owner.generation})) client_due(*client);
      return;
    case TimerOwner::Kind::server:
      if (Server* server = servers_.find({owner.slot, owner.generation})) server_due(*server);
      return;
    case TimerOwner::Kind::cancel:
      if (Canceller* canceller = cancellers_.find({owner.slot, owner.generation})) {
        cancel_due(*canceller);
      }
      return;
    case TimerOwner::Kind::pool:
      if (Pool* pool = pools_.find({owner.slot, owner.generation})) touch(*pool);
      return;
    case TimerOwner::Kind::account:
      if (auto* account = ledger_.accounts.find({owner.slot, owner.generation})) touch(*account);
      return;
    case TimerOwner::Kind::host:
      if (const auto* host = ledger_.hosts.find({owner.slot, owner.generation})) host_ready(*host);
      return;
    case TimerOwner::Kind::machine: return fire_machine();
  }
}

void Machine::Core::fire_machine() {
  if (accept_again_at_ <= now_) {
    accept_again_at_ = never;
    set_accepting();
  }
  if (stats_at_ <= now_) stats_due();
  end_gathers();
  timers_.at_latest(timer_, std::min(accept_again_at_, stats_at_));
  if (!gathers_.empty()) timers_.at_latest(timer_, gathers_.front().due);
}

std::optional<Wake> Machine::Core::deadline() const {
  const auto next = timers_.next();
  if (!next) return std::nullopt;
  switch (timers_.next_owner().kind) {
    case TimerOwner::Kind::client: return Wake{*next, "a client's deadline"};
    case TimerOwner::Kind::server: return Wake{*next, "a server's deadline"};
    case TimerOwner::Kind::cancel: return Wake{*next, "cancel_wait_timeout"};
    case TimerOwner::Kind::pool: return Wake{*next, "a pool's hunger"};
    case TimerOwner::Kind::account: return Wake{*next, "a pool's reserve or retry"};
    case TimerOwner::Kind::host: return Wake{*next, "a host's retry"};
    case TimerOwner::Kind::machine:
      return Wake{*next, "statistics, accepting again, or an answer to SHOW"};
  }
  return std::nullopt;
}

}  // namespace pgweir
