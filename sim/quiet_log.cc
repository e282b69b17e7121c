#include "sim/quiet_log.h"

namespace pgweir::sim {

namespace {

// So many of the longest delays are in a login, with proofs and messages in pieces.
constexpr int login_delays_max = 400;

}  // namespace

bool login_may_be_slow(const RunOptions& options) {
  const Duration limit = options.settings.server_connect_timeout;
  return limit > Duration::zero() &&
         options.weather.delay_max * login_delays_max + options.answers_late_max >= limit;
}

bool may_be_noted(const Note& note, const Event& event, const RunOptions& options) {
  if (note.level < Level::warning) return true;
  const bool faults = options.fault_every > Duration::zero();
  const bool clocks = options.settings.query_timeout > Duration::zero() ||
                      options.settings.transaction_timeout > Duration::zero();
  switch (note.kind) {
    // The client was told, and knows whether that is right (O-12).
    case NoteKind::client_refused: return true;
    case NoteKind::half_message_lost: return faults || clocks;
    case NoteKind::server_login_failed: return true;  // Watch knows why
    case NoteKind::server_said:
      return faults || options.settings.server_reset_query != Settings{}.server_reset_query ||
             (options.connect_query.starts_with("error") &&
              note.text.starts_with("connect_query")) ||
             (options.settings.server_check_query.starts_with("error") &&
              note.text.starts_with("server_check_query"));
    case NoteKind::accept_paused: return options.fail_accepts;
    case NoteKind::resolve_failed: {
      const auto* resolved = std::get_if<event::Resolved>(&event);
      return resolved != nullptr && resolved->addresses.empty();
    }
    case NoteKind::host_marked: return faults;
    case NoteKind::protocol_desync:
      return options.hostile_permille > 0;        // Watch knows of which host
    case NoteKind::foreign_cancels: return true;  // Watch counts them
    case NoteKind::server_without_secret:
      return !options.servers_give_secrets || options.hostile_permille > 0;
    case NoteKind::settings_refused: return options.reload || options.operator_count > 0;
    case NoteKind::client_login:
    case NoteKind::client_closed:
    case NoteKind::server_connected:
    case NoteKind::server_refused_protocol:
    case NoteKind::server_closed:
    case NoteKind::server_recovered:
    case NoteKind::cancel_sent:
    case NoteKind::settings_applied:
    case NoteKind::draining:
    case NoteKind::stats:
    case NoteKind::exiting: return false;
  }
  return false;
}

}  // namespace pgweir::sim
