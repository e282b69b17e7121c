#include "core/note.h"

namespace pgweir {

std::string_view name_of(NoteKind kind) {
  switch (kind) {
    case NoteKind::client_login: return "client_login";
    case NoteKind::client_closed: return "client_closed";
    case NoteKind::client_refused: return "client_refused";
    case NoteKind::server_connected: return "server_connected";
    case NoteKind::server_closed: return "server_closed";
    case NoteKind::server_login_failed: return "server_login_failed";
    case NoteKind::server_refused_protocol: return "server_refused_protocol";
    case NoteKind::server_without_secret: return "server_without_secret";
    case NoteKind::server_said: return "server_said";
    case NoteKind::server_recovered: return "server_recovered";
    case NoteKind::protocol_desync: return "protocol_desync";
    case NoteKind::half_message_lost: return "half_message_lost";
    case NoteKind::cancel_sent: return "cancel_sent";
    case NoteKind::foreign_cancels: return "foreign_cancels";
    case NoteKind::accept_paused: return "accept_paused";
    case NoteKind::resolve_failed: return "resolve_failed";
    case NoteKind::host_marked: return "host_marked";
    case NoteKind::settings_applied: return "settings_applied";
    case NoteKind::settings_refused: return "settings_refused";
    case NoteKind::draining: return "draining";
    case NoteKind::stats: return "stats";
    case NoteKind::exiting: return "exiting";
  }
  return "unknown";
}

}  // namespace pgweir
