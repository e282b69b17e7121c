#include "core/machine.h"

#include <algorithm>

#include "core/base/assert.h"
#include "core/base/hash.h"
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
  tell_who_left();
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

void Machine::Core::check_client(const Client& client) const {
  const Server* server = servers_.find(client.server);
  PGWEIR_REQUIRE((client.state == ClientState::active) == (server != nullptr), client.self.slot);
  if (server != nullptr) PGWEIR_REQUIRE(server->client == client.self, client.self.slot);  // I-04
  const bool in_pool = client.state == ClientState::logging_in || client.logged_in();
  if (in_pool) PGWEIR_REQUIRE(pools_.find(client.pool) != nullptr, client.self.slot);
  if (client.logged_in()) PGWEIR_REQUIRE(cancel_keys_.contains(client.cancel_key.id()));
}

void Machine::Core::check_server(const Server& server) const {
  const Client* client = clients_.find(server.client);
  PGWEIR_REQUIRE((server.state == ServerState::active) == (client != nullptr), server.self.slot);
  const bool whole_session = client != nullptr && client->pool_mode == PoolMode::session;
  PGWEIR_REQUIRE(server.whole_session == whole_session, server.self.slot);  // I-20
  if (server.replication != session::Replication::none) {                   // I-21
    const Client* own = server.connecting ? clients_.find(server.opened_for) : client;
    const bool closing = server.state == ServerState::closing;
    PGWEIR_REQUIRE(closing || (own != nullptr && own->replication == server.replication),
                   server.self.slot, server.state);
    PGWEIR_REQUIRE(!server.connecting || closing || own->opening == server.self, server.self.slot);
  } else if (client != nullptr) {
    PGWEIR_REQUIRE(client->replication == session::Replication::none, server.self.slot);  // I-21
  }
  if (server.state == ServerState::idle) {
    PGWEIR_REQUIRE(provably_clean(server, nullptr), server.self.slot);  // I-05
    PGWEIR_REQUIRE(!server.cancel, server.self.slot);                   // I-08
    PGWEIR_REQUIRE(!server.leaving, server.self.slot);                  // I-22
    PGWEIR_REQUIRE(!server.setting_up, server.self.slot);               // I-17
    PGWEIR_REQUIRE(server.session.clean(), server.self.slot);           // I-18
    const Pool& pool = *pools_.find(server.pool);
    PGWEIR_REQUIRE(std::count(pool.idle.begin(), pool.idle.end(), server.self) == 1);
  }
}

void Machine::Core::check_pools() const {
  pools_.each([&](PoolHandle handle, const Pool& pool) {
    std::uint32_t servers = 0;
    std::uint32_t connecting = 0;
    std::uint32_t closing = 0;
    std::uint32_t pinned = 0;
    std::uint32_t answering = 0;
    servers_.each([&](ServerHandle, const Server& server) {
      if (server.pool != handle) return;
      ++servers;
      connecting += server.connecting;
      closing += server.state == ServerState::closing;
      pinned += server.pinned;
      const bool soon_there = server.own_query == session::OwnQuery::check ||
                              server.own_query == session::OwnQuery::connect;
      answering += soon_there && !server.answers_late;
      PGWEIR_REQUIRE(!server.pinned || server.client, server.self.slot);  // I-18
    });
    PGWEIR_REQUIRE(pool.pinned_count == pinned, pool.pinned_count, pinned);
    PGWEIR_REQUIRE(pool.server_count == servers, pool.server_count, servers);  // I-07
    PGWEIR_REQUIRE(pool.connecting_count == connecting, pool.connecting_count, connecting);
    PGWEIR_REQUIRE(pool.closing_count == closing, pool.closing_count, closing);
    PGWEIR_REQUIRE(pool.answering_count == answering, pool.answering_count, answering);
    PGWEIR_REQUIRE(pool.idle.empty() || pool.waiting.size() <= answering,
                   pool.waiting.size());  // I-06
  });
}

void Machine::Core::check_ledger() const {
  std::uint32_t starved = 0;
  std::uint32_t servers = 0;
  ledger_.accounts.each([&](AccountHandle, const pool::Account& account) {
    starved += account.starved;
    servers += account.server_count;
    std::uint32_t connecting = 0;
    for (const pool::Part& part : account.parts) connecting += part.connecting_count;
    PGWEIR_REQUIRE(account.connecting_count == connecting, account.connecting_count, connecting);
  });
  PGWEIR_REQUIRE(ledger_.starved_count == starved, ledger_.starved_count, starved);
  const bool all_here = seat_.machines == 1;
  PGWEIR_REQUIRE(!all_here || servers == servers_.size(), servers, servers_.size());  // I-07
}

void Machine::Core::check_invariants() const {
  std::uint32_t counted = 0;
  std::uint32_t places = 0;
  std::uint32_t consoles = 0;
  clients_.each([&](ClientHandle, const Client& client) {
    check_client(client);
    counted += client.counted;
    places += client.has_place;
    consoles += client.state == ClientState::console;
  });
  PGWEIR_REQUIRE(counted == logged_in_count_, counted, logged_in_count_);  // I-07
  const bool all_here = seat_.machines == 1;
  PGWEIR_REQUIRE(!all_here || places_taken_ == places, places_taken_, places);
  PGWEIR_REQUIRE(consoles == console_count_, consoles, console_count_);
  servers_.each([&](ServerHandle, const Server& server) { check_server(server); });
  check_pools();
  check_ledger();
  check_outboxes();
}

std::uint64_t Machine::Core::fingerprint() const {
  Hash hash;
  hash.add(draining_);
  hash.add(accepting_);
  clients_.each([&](ClientHandle handle, const Client& client) {
    hash.add(handle);
    hash.add(client.state);
    hash.add(client.reading_stopped);
    hash.add(client.congested);
    hash.add(client.peer_done);
    hash.add(client.blocked);
    hash.add(client.skipping);
    hash.add(client.server);
    hash.add(client.stream.body_left);
    hash.add(client.stream.held.size());
    for (const session::ValueId id : client.parameters) hash.add(values_.text(id));
    hash.add(values_.text(client.settings));
    hash.add(values_.text(client.startup));
    hash.add(client.untried);
    hash.add(client.statements.size());
    hash.add(client.unnamed.size());
  });
  servers_.each([&](ServerHandle handle, const Server& server) {
    hash.add(handle);
    hash.add(server.state);
    hash.add(server.reading_stopped);
    hash.add(server.congested);
    hash.add(server.stale);
    hash.add(server.doubted);
    hash.add(server.leaving);
    hash.add(server.whole_session);
    hash.add(server.client);
    hash.add(server.unnamed_owner);
    hash.add(server.status);
    hash.add(server.stream.body_left);
    hash.add(server.stream.held.size());
    server.owed.add_to(hash);
    for (const session::ValueId id : server.parameters) hash.add(values_.text(id));
    hash.add(values_.text(server.settings));
    hash.add(server.statements.size());
  });
  pools_.each([&](PoolHandle handle, const Pool& pool) {
    hash.add(handle);
    for (const std::uint32_t count : {pool.server_count, pool.connecting_count, pool.closing_count,
                                      pool.client_count, pool.waiting.size()}) {
      hash.add(count);
    }
    const metrics::Totals& totals = pool.database->totals;
    for (const std::uint64_t total : {totals.xact_count, totals.query_count, totals.received,
                                      totals.sent, totals.server_assignment_count}) {
      hash.add(total);
    }
  });
  hash.add(cancellers_.size());
  hash.add(logged_in_count_);
  hash.add(places_taken_);
  hash.add(handed_over_count_);
  for (const std::uint32_t count : spread_) hash.add(count);
  for (const seats::Outbox& outbox : outboxes_) {
    hash.add(outbox.under_way());
    hash.add(outbox.waiting_count());
  }
  return hash.value();
}

// What is counted twice is told twice: one of the counts may be wrong.
SocketId Machine::Core::client_of(SocketId socket) const {
  const Server* server = servers_.find({socket.slot, socket.generation});
  return server != nullptr && server->client ? socket_of(server->client) : SocketId{};
}

std::string Machine::Core::left_over() const {
  std::string text;
  const auto add = [&](std::string_view what, std::size_t count) {
    if (count > 0) text += join(text.empty() ? "" : ", ", count, " ", what);
  };
  add("clients", clients_.size());
  add("servers", servers_.size());
  add("prepared statements", statements_.size());
  add("cancellers", cancellers_.size());
  add("cancel keys", cancel_keys_.size());
  add("names being resolved", resolutions_.size());
  add("keys being derived", derivations_.size());
  add("clients that have not logged in", unauthenticated_.size());
  add("clients of max_client_conn", logged_in_count_);
  add("places of max_client_conn", places_taken_);
  for (const std::uint32_t count : spread_) add("clients handed over that have not gone", count);
  for (const seats::Outbox& outbox : outboxes_) {
    add("letters that wait for credit", outbox.waiting_count());
  }
  add("clients that wait for credit to go home", leaving_.size());
  add("SHOWs that wait for other machines",
      static_cast<std::size_t>(std::count_if(gathers_.begin(), gathers_.end(), [](const Gather& g) {
        return static_cast<bool>(g.client);  // and not for the log, which goes on for ever
      })));
  add("clients on the console", console_count_);
  add("clients that wait for RELOAD", reloading_.size());
  add("settings being loaded", reload_pending_ || reload_again_);
  add("starved pools", ledger_.starved_count);
  add("offers", ledger_.offers.size());
  pools_.each([&](PoolHandle, const Pool& pool) {
    add("idle servers of a pool", pool.idle.size());
    add("servers of a pool", pool.server_count);
    add("servers of a pool connecting", pool.connecting_count);
    add("servers of a pool closing", pool.closing_count);
    add("clients of a pool", pool.client_count);
    add("clients waiting in a pool", pool.waiting.size());
    add("clients logging in to a pool", pool.logging_in.size());
    add("clients that wait to replicate", pool.replicating.size());
    add("removed pools", pool.retired);
    add("hungry machines", pool.hungry.size());
  });
  for (const auto& [name, database] : databases_) {
    add("servers of a database", database.server_count);
    add("clients of a database", database.client_count);
    add("removed databases", database.removed);
  }
  for (const auto& [name, user] : users_) {
    add("servers of a user", user.server_count);
    add("clients of a user", user.client_count);
  }
  ledger_.accounts.each([&](AccountHandle, const pool::Account& account) {
    add("servers of an account", account.server_count);
    add("servers of an account connecting", account.connecting_count);
    add("servers of an account closing", account.closing_count);
    add("servers wanted of an account", account.wanted());
  });
  for (const auto* totals : {&ledger_.databases, &ledger_.users}) {
    for (const auto& [name, total] : *totals) {
      add("servers under a shared limit", total.server_count);
      add("servers under a shared limit closing", total.closing_count);
    }
  }
  ledger_.hosts.each([&](HostHandle, const pool::Host& host) {
    add("attempts at a host", host.connecting);
    add("hosts being resolved", host.resolving);
  });
  return text;
}

}  // namespace pgweir
