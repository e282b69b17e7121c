// The part of the watch that is about logins at servers: that they fail for a reason (O-53), and
// that one who hangs up on a newer protocol is asked for the old one (O-25).
#include "sim/quiet_log.h"
#include "sim/simulation.h"
#include "sim/watch.h"

namespace pgweir::sim {

// An attempt fails because the host or the network ended it, or because its time has passed in a
// world in which that may be.
void Watch::check_login_failure(SocketId server, const Event& event) {
  if (std::holds_alternative<event::ConnectFailed>(event)) return;
  const RunOptions& options = simulation_.options();
  if (options.hostile_permille > 0 && hosts_[server] == options.hostile_host) return;
  // pgweir may have no password yet that the host takes: O-12 knows which would have served.
  const auto* received = std::get_if<event::Received>(&event);
  const bool answers = (received != nullptr && received->socket == server) ||
                       std::holds_alternative<event::Derived>(event);
  if (options.change_passwords && answers) return;
  const Stream* stream = simulation_.shell().stream_of(server);
  const PostgresSession* session = session_of(server);
  const bool answered = stream != nullptr;
  if (answered &&
      (session == nullptr || session->ended() || stream->peer_finished() || stream->peer_reset())) {
    return;
  }
  const Instant since = server_clocks_.opened_at(server);
  const bool in_time = !simulation_.in_force().had_passed(&Settings::server_connect_timeout, since,
                                                          simulation_.clock().now());
  const bool slow = !answered || stream->dark() || options.clog || options.stall ||
                    login_may_be_slow(options) ||
                    simulation_.host_in_trouble(hosts_[server], since);
  if (!in_time && slow) return;
  simulation_.verdict().blame(oracle::quiet_logs,
                              in_time ? "a server's login is said to have failed, and did not"
                                      : "a login takes too long with a host that is not slow");
}

// Of attempts of one pool at one machine: who asked for more than 3.0 and was hung up on without a
// word does not ask for it again with the next.
void Watch::note_login_end(const Note& note) {
  if (note.kind != NoteKind::server_login_failed && note.kind != NoteKind::server_connected) return;
  const auto known = simulation_.census().servers().find(note.socket);
  if (known == simulation_.census().servers().end() || !known->second.started) return;
  const Census::Server& server = known->second;
  // What is known of an unlisted user's servers goes with his last client.
  const RunOptions& options = simulation_.options();
  if (options.unlisted_user && server.whom.user == RunOptions::unlisted_name) return;
  const std::pair pool(server.whom, simulation_.shell().machine_of(note.socket));
  const bool hung_up = note.kind == NoteKind::server_login_failed && !server.heard;
  if (!hung_up || server.minor == 0) {
    hung_up_.erase(pool);
    return;
  }
  const auto [before, is_first] = hung_up_.try_emplace(pool, simulation_.clock().now());
  if (is_first) return;
  if (server_clocks_.opened_at(note.socket) > before->second) {
    simulation_.verdict().blame(oracle::liveness,
                                "a server is asked again for the protocol that it hung up on");
  }
  before->second = simulation_.clock().now();
}

}  // namespace pgweir::sim
