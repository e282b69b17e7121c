#include "sim/vain_waits.h"

#include <algorithm>
#include <string>

#include "sim/simulation.h"

namespace pgweir::sim {

void VainWaits::step(const Event& event, std::span<const Effect> effects) {
  if (std::holds_alternative<event::Reconfigured>(event)) {
    refused_at_.clear();  // this may be the remedy
  } else if (const auto* failed = std::get_if<event::ConnectFailed>(&event)) {
    if (failed->socket.kind == SocketKind::server) refused_at_.clear();
  } else if (const auto* received = std::get_if<event::Received>(&event)) {
    if (received->socket.kind == SocketKind::server) heard(received->socket);
  }
  const auto& servers = simulation_.census().servers();
  for (const Effect& effect : effects) {
    if (const auto* close = std::get_if<effect::Close>(&effect)) {
      if (close->socket.kind != SocketKind::server) continue;
      const Census::Server& server = servers.at(close->socket);
      if (!server.refused) {
        left_at_[server.whom] = simulation_.clock().now();
        refused_at_.erase(server.whom);  // in this step: an attempt that ended otherwise
      }
      if (!server.started) refused_at_.clear();  // it may have been the pool's host
    } else if (const auto* send = std::get_if<effect::Send>(&effect)) {
      if (send->socket.kind != SocketKind::server) continue;
      if (!pgweir::text_of(send->bytes).starts_with('\0')) continue;
      refused_at_.erase(servers.at(send->socket).whom);  // another attempt
    }
  }
}

// Where the ledger knows of another server of the pool, or may not know yet that it is gone, there
// is hope. Of attempts side by side the last one's refusal counts.
void VainWaits::heard(SocketId socket) {
  // A refusal among lies may be none.
  if (simulation_.options().hostile_permille > 0) return;
  const Census::Server& server = simulation_.census().servers().at(socket);
  const Login& pool = server.whom;
  // Of one that was asked to replicate it is told to its client alone.
  if (!server.refused || server.replicates || has_another(pool, socket)) return;
  const Instant now = simulation_.clock().now();
  const auto left = left_at_.find(pool);
  if (left != left_at_.end()) {
    // What says so may have waited for a machine that takes no letters.
    const Instant told = std::max(left->second, simulation_.undisturbed_since());
    if (now <= after(told, simulation_.options().answers_late_max)) return;
  }
  const Instant opened_at = simulation_.watch().opened_at(socket);
  if (opened_at <= simulation_.in_force().since()) return;
  refused_at_[pool] = now;
}

// Those of which nobody has said whose they are may be.
bool VainWaits::has_another(const Login& pool, SocketId than) const {
  return std::ranges::any_of(simulation_.census().servers(), [&](const auto& entry) {
    const Census::Server& server = entry.second;
    return entry.first != than && !server.closing && (!server.started || server.whom == pool);
  });
}

void VainWaits::quiet() {
  if (refused_at_.empty()) return;
  std::erase_if(refused_at_, [&](const auto& entry) {
    const auto& [pool, refused_at] = entry;
    const Instant since = std::max(refused_at, simulation_.undisturbed_since());
    if (simulation_.stalled() || has_another(pool, {})) return false;
    const Duration letters = 2 * simulation_.options().answers_late_max;
    if (simulation_.clock().now() <= after(since, letters)) return false;
    if (const std::uint32_t number = simulation_.watch().waits_since(pool, refused_at)) {
      simulation_.verdict().blame(oracle::no_vain_wait,
                                  "c" + std::to_string(number) + " waits for a server of " +
                                      pool.database + "/" + pool.user +
                                      " and was not told that the password is refused");
    }
    return true;
  });
}

}  // namespace pgweir::sim
