// The part of the watch that is about servers that end: which may, what their hosts are
// spared then, and who is told.
#include <algorithm>
#include <string>

#include "sim/message_view.h"
#include "sim/simulation.h"
#include "sim/watch.h"

namespace pgweir::sim {

void Watch::closes(SocketId server, std::string_view why) {
  if (why == "server_idle_timeout") return check_kept_up(server);
  const Login& pool = simulation_.census().servers().at(server).whom;
  closed_at_[pool] = simulation_.clock().now();
  if (why.starts_with("server_check_query")) check_failed(server, pool);
}

// Nothing was said of who waited for it: perhaps it would be his.
void Watch::check_failed(SocketId server, const Login& pool) {
  const Shell& shell = simulation_.shell();
  for (auto& [client, waiter] : waiting_) {
    const bool here = shell.machine_of(client) == shell.machine_of(server);
    if (here && waiter.pool == pool) waiter.passed_by_at = simulation_.clock().now();
  }
}

// It was idle for too long, and may go only if min_pool_size others stay, at all machines together.
// Judged where no server is lost, and what is known of the others was known when it was decided.
void Watch::check_kept_up(SocketId server) {
  const Mode mode = simulation_.options().mode;
  if (mode != Mode::calm && mode != Mode::overload) return;
  if (simulation_.shell().mail_under_way()) return;
  const auto& servers = simulation_.census().servers();
  const Login& pool = servers.at(server).whom;
  const Settings& settings = simulation_.settings();
  const DatabaseSettings* line = find_database(settings, pool.database);
  if (line == nullptr) return;
  const std::int32_t least = line->min_pool_size.value_or(settings.min_pool_size);
  const auto staying = std::ranges::count_if(servers, [&](const auto& entry) {
    const bool may_be_its = entry.second.whom == pool || !entry.second.started;
    return may_be_its && !entry.second.closing && entry.first != server;
  });
  if (staying >= least) return;
  const auto closed = closed_at_.find(pool);
  const bool known =
      closed == closed_at_.end() || simulation_.options().machine_count == 1 ||
      simulation_.clock().now() > after(std::max(closed->second, simulation_.undisturbed_since()),
                                        simulation_.machines_agree_within());
  if (!known) return;
  simulation_.verdict().blame(oracle::limits,
                              "an idle server was closed, and only " + std::to_string(staying) +
                                  " stay of min_pool_size " + std::to_string(least));
}

// After failures there are pauses, so that a host that comes back is not run over.
void Watch::connect_failed(SocketId socket, std::size_t host) {
  constexpr std::size_t failures_max = 40;
  simulation_.host_failed(host);
  // One that brings a cancel is tried once, for whoever asked for it.
  if (socket.kind == SocketKind::cancel) return;
  const Instant now = simulation_.clock().now();
  std::deque<Instant>& failures = failures_[host];
  failures.push_back(now);
  while (now - failures.front() > std::chrono::seconds(1)) failures.pop_front();
  if (failures.size() <= failures_max) return;
  simulation_.verdict().blame(
      oracle::storm_control,
      std::to_string(failures.size()) + " connections to a host that is down, within a second");
}

// Only a hostile host says what nobody asked.
void Watch::check_desync(SocketId server) {
  const RunOptions& options = simulation_.options();
  if (options.hostile_permille > 0 && hosts_[server] == options.hostile_host) return;
  simulation_.verdict().blame(oracle::quiet_logs, "a desync with a host that says nothing wrong");
}

// Whoever needed it is told now, if the world broke it.
void Watch::server_closed(SocketId socket) {
  const Stream* stream = simulation_.shell().stream_of(socket);
  const bool broken = !stream || stream->peer_finished() || stream->peer_reset() || stream->dark();
  if (broken) simulation_.host_failed(hosts_[socket]);
}

// Who has been told to this server by nothing but what sets it up gets another, once, when it goes.
void Watch::check_unheard(SocketId server, const Event& event, std::span<const Effect> effects) {
  const auto next = set_up_.find(server);
  if (next == set_up_.end() || simulation_.options().hostile_permille > 0) return;
  const auto is_about_it = [&](const auto& what) {
    if constexpr (requires { SocketId{what.socket}; }) return what.socket == server;
    return false;
  };
  if (!std::visit(is_about_it, event)) return;
  const SocketId client = next->second;
  const bool told = std::ranges::any_of(effects, [&](const Effect& effect) {
    const auto* send = std::get_if<effect::Send>(&effect);
    return send != nullptr && send->socket == client &&
           pgweir::text_of(send->bytes).starts_with('E') &&
           field(pgweir::text_of(send->bytes), 'C') != "08004";  // that no other can be had
  });
  if (!unheard_.insert(client).second || !told) return;
  simulation_.verdict().blame(
      oracle::error_shape, "c" + std::to_string(number_of(client)) +
                               " was told that its server is lost, which had heard nothing of it");
}

}  // namespace pgweir::sim
