#include "sim/server_clocks.h"

#include <algorithm>
#include <string>

#include "core/base/limits.h"
#include "sim/messages.h"
#include "sim/simulation.h"

namespace pgweir::sim {

void ServerClocks::begin(Since& clock, SocketId socket) {
  const Instant now = simulation_.clock().now();
  clock.emplace(socket, now);
  look_at_ = std::min(look_at_, now);
}

void ServerClocks::over(SocketId socket) {
  for (Since* clock : {&attempts_, &cancels_, &lost_}) clock->erase(socket);
  heard_.erase(socket);
  holders_.erase(socket);
  clients_.erase(socket);
}

void ServerClocks::step(const Event& event, std::span<const Effect> effects) {
  marks_.step(event, effects);
  if (const auto* closed = std::get_if<event::Closed>(&event)) over(closed->socket);
  if (const auto* failed = std::get_if<event::ConnectFailed>(&event)) over(failed->socket);
  if (std::holds_alternative<event::Reconfigured>(event)) look_at_ = simulation_.clock().now();
  const auto* received = std::get_if<event::Received>(&event);
  const bool client_speaks = received != nullptr && received->socket.kind == SocketKind::client;
  if (received != nullptr && received->socket.kind == SocketKind::server) {
    heard_[received->socket] = simulation_.clock().now();
    heard(received->socket);
  }
  SocketId told{};  // the server that something was said to last
  for (const Effect& effect : effects) {
    if (const auto* send = std::get_if<effect::Send>(&effect)) {
      if (send->socket.kind != SocketKind::server) continue;
      if (pgweir::text_of(send->bytes) == terminate()) continue;  // nobody gets it
      told = send->socket;
      if (client_speaks) given(told, received->socket);
      // Who is held up again at once is not read again.
      for (const auto& [client, at] : simulation_.ledger().joined()) {
        if (at != &effect) continue;
        check_fresh(told, client);
        given(told, client);
      }
    } else if (const auto* resume = std::get_if<effect::ResumeReading>(&effect)) {
      if (told && resume->socket.kind == SocketKind::client) given(told, resume->socket);
    } else if (const auto* connect = std::get_if<effect::Connect>(&effect)) {
      begin(connect->socket.kind == SocketKind::cancel ? cancels_ : attempts_, connect->socket);
    } else if (const auto* close = std::get_if<effect::Close>(&effect)) {
      if (close->socket.kind == SocketKind::client) client_closed(close->socket);
      // When a server is closed, somebody may still ask why its login failed.
      cancels_.erase(close->socket);
      lost_.erase(close->socket);
    }
  }
  // Half of what a client says may get it a server that is told nothing yet.
  for (const Effect& effect : effects) {
    const auto* send = std::get_if<effect::Send>(&effect);
    if (send != nullptr && send->socket.kind == SocketKind::server) note_holder(send->socket);
    const auto* take = std::get_if<effect::Take>(&effect);
    if (take != nullptr) note_holder(take->socket);
  }
  if (received == nullptr || !watches_holders()) return;
  // So may the end of a server that had been told nothing of it.
  const auto holder = holders_.find(received->socket);
  const bool let_go = holder != holders_.end() && holder->second != SocketId{} &&
                      holder->second != simulation_.client_of(received->socket);
  if (client_speaks || let_go) {
    for (const auto& [server, at] : heard_) note_holder(server);
  } else {
    note_holder(received->socket);
  }
}

// By what is in force when it has logged in: a reload does not change it.
void ServerClocks::heard(SocketId socket) {
  const Census::Server& server = simulation_.census().servers().at(socket);
  if (!server.ready || server.closing) return;
  const auto backend = std::pair(Names::host_at(server.to), server.pid);
  if (expire_at_.contains(backend)) return;
  const Instant now = simulation_.clock().now();
  Instant& expires_at = expire_at_[backend];
  simulation_.in_force().ever(now, [&](const Settings& settings) {
    const Duration lifetime = settings.server_lifetime;
    expires_at = std::max(expires_at, lifetime > Duration::zero() ? after(now, lifetime) : never);
    return false;
  });
}

// Whoever asked later than that got a server that should have been closed: one that is idle by its
// clock, which may be late, and one in use when its client was done with it.
void ServerClocks::check_lifetime(std::size_t host, std::uint32_t pid, const Application& who) {
  const auto found = expire_at_.find({host, pid});
  // What it has asked before in its session need not have told who it is.
  const Instant asked_at =
      who.pool_mode() == PoolMode::session ? who.connected_at() : who.transaction_at();
  if (found == expire_at_.end() || asked_at <= found->second) return;
  const Instant since = std::max(found->second, simulation_.undisturbed_since());
  const Duration late = simulation_.options().timers_late_max * 2;
  if (asked_at <= after(since, late)) return;
  simulation_.verdict().blame(oracle::deadlines, "c" + std::to_string(who.identity().number) +
                                                     " was given backend " + std::to_string(pid) +
                                                     " of " + Names::name_of(host) +
                                                     ", which is older than server_lifetime");
}

// Who has had a server all the time is of interest where some are checked.
bool ServerClocks::watches_holders() const {
  return simulation_.options().fault_every > Duration::zero() ||
         !simulation_.settings().server_check_query.empty();
}

void ServerClocks::note_holder(SocketId server) {
  if (heard_.contains(server)) holders_[server] = simulation_.client_of(server);
}

// What it says in a step serves for that step.
void ServerClocks::check_fresh(SocketId server, SocketId client) {
  const auto holder = holders_.find(server);
  if (holder != holders_.end() && holder->second == client) return;  // it has had it all the time
  marks_.given(server, client);
  const Settings& settings = simulation_.settings();
  const Duration silent = simulation_.clock().now() - heard_.at(server);
  if (settings.server_check_query.empty() || silent == Duration::zero() ||
      silent < settings.server_check_delay) {
    return;
  }
  simulation_.verdict().blame(oracle::deadlines,
                              "s" + std::to_string(server.slot) + "." +
                                  std::to_string(server.generation) +
                                  " is given to a client unchecked, silent for longer than "
                                  "server_check_delay");
}

void ServerClocks::given(SocketId server, SocketId client) {
  SocketId& has_it = clients_[server];
  if (has_it == client) return;
  has_it = client;
  lost_.erase(server);
}

// Who goes while his server is at work for him is lost to it. When a hostile one is done, only
// pgweir knows.
void ServerClocks::client_closed(SocketId client) {
  const std::uint32_t number = simulation_.watch().number_of(client);
  if (number == 0) return;
  const Application& who = *simulation_.applications()[number - 1];
  if (who.stream().get() != simulation_.shell().stream_of(client)) return;
  if (!who.asking() && !who.in_transaction()) return;
  for (const auto& [server, has_it] : clients_) {
    if (has_it != client || simulation_.watch().is_free(server)) continue;
    const PostgresSession* session = simulation_.watch().session_of(server);
    if (session != nullptr && !session->hostile()) begin(lost_, server);
  }
}

Instant ServerClocks::opened_at(SocketId server) const {
  const auto found = attempts_.find(server);
  return found == attempts_.end() ? never : found->second;
}

// A reload may hurry it, a timer may be late, and none runs while pgweir stands still.
void ServerClocks::check(const Since& clock, Duration limit, std::string_view what) {
  if (limit == Duration::zero()) return;
  const Duration late = simulation_.options().timers_late_max;
  for (const auto& [socket, since] : clock) {
    const Instant due = std::max(after(since, limit), simulation_.in_force().since());
    look_at_ = std::min(look_at_, after(due, late));
    if (simulation_.clock().now() <= after(due, late)) continue;
    simulation_.verdict().blame(oracle::deadlines, std::string(what) +
                                                       " takes longer than it may: s" +
                                                       std::to_string(socket.slot) + "." +
                                                       std::to_string(socket.generation));
  }
}

void ServerClocks::quiet() {
  // Once is enough: what flies to it or from it later, a notice perhaps, is no recovery.
  std::erase_if(lost_, [&](const auto& entry) {
    return simulation_.watch().is_free(entry.first) || simulation_.ledger().is_done(entry.first);
  });
  if (simulation_.stalled() || simulation_.clock().now() <= look_at_) return;
  look_at_ = never;
  std::erase_if(attempts_, [&](const auto& entry) {
    const auto server = simulation_.census().servers().find(entry.first);
    return server == simulation_.census().servers().end() || server->second.ready ||
           server->second.closing;
  });
  const Settings& settings = simulation_.settings();
  check(attempts_, settings.server_connect_timeout, "an attempt at a server");
  check(cancels_, settings.cancel_wait_timeout, "a cancel");
  if (settings.cancel_wait_timeout == Duration::zero()) return;
  // It has two clocks: of its own, and of a cancel that may still hit.
  check(lost_,
        limits::recovery_wait * 2 + settings.cancel_wait_timeout +
            simulation_.options().timers_late_max,
        "recovering a lost client's server");
}

}  // namespace pgweir::sim
