#include "sim/probes.h"

#include <algorithm>
#include <cinttypes>
#include <utility>

#include "core/seats/message.h"

namespace pgweir::sim {

namespace {

constexpr std::size_t probe_count = static_cast<std::size_t>(Probe::count);

// rare: why a batch may do without it; empty: it has to be hit.
struct Known {
  Probe probe;
  std::string_view name;
  std::string_view rare = "";
};

constexpr std::string_view only_drain = "only mode drain does that";

constexpr std::array<Known, probe_count> known_probes{{
    {Probe::asked_behind_unanswered, "a client asks while it has no answer yet"},
    {Probe::waited_and_served, "a client waits for a server and is served"},
    {Probe::waited_and_cancelled, "a client that waits for a server is cancelled"},
    {Probe::statement_cancelled, "a cancel hits a statement"},
    {Probe::lost_in_transaction, "a client is lost in a transaction"},
    {Probe::query_wait_timeout, "query_wait_timeout ends a client"},
    {Probe::query_timeout, "query_timeout ends a client"},
    {Probe::transaction_timeout, "transaction_timeout ends a client"},
    {Probe::idle_transaction_timeout, "idle_transaction_timeout ends a client"},
    {Probe::transaction_block_refused, "a transaction ends its client in statement mode"},
    {Probe::client_idle_timeout, "client_idle_timeout ends a client"},
    {Probe::client_login_timeout, "client_login_timeout ends a client"},
    {Probe::cancel_wait_timeout, "a cancel stays in doubt until its client asks again",
     "no fault keeps only a cancel from its answer"},
    {Probe::too_many_clients, "max_client_conn turns a client away"},
    {Probe::unknown_database, "a client asks for a database that nobody knows"},
    {Probe::wrong_password, "a client has a wrong password"},
    {Probe::server_lost, "a client loses its server"},
    {Probe::shutting_down, "a client is told of the end of pgweir", only_drain},
    {Probe::error_in_query, "a Query fails"},
    {Probe::error_in_batch, "a batch of the extended protocol fails"},
    {Probe::error_in_failed_transaction, "a statement is refused in a failed transaction"},
    {Probe::portal_suspended, "a portal is read in parts"},
    {Probe::empty_query, "an empty text is executed"},
    {Probe::copy_in, "COPY reads from a client"},
    {Probe::copy_in_behind_sync, "COPY reads from a client whose Sync is under way already"},
    {Probe::copy_out, "COPY writes to a client"},
    {Probe::parameter_changed, "a client is told of a parameter"},
    {Probe::notice, "a client is told a notice"},
    {Probe::last_words, "a server's last words are passed on"},
    {Probe::last_words_of_idle_server, "an idle server ends its session"},
    {Probe::client_congested, "a client does not read what it is told"},
    {Probe::server_congested, "a server does not read what it is told"},
    {Probe::client_half_closed, "a client says that it will say no more"},
    {Probe::server_recovered, "the server of a lost client becomes clean"},
    {Probe::server_checked, "a server is asked whether it is there"},
    {Probe::asked_again, "a batch is asked again, because a table has changed"},
    {Probe::half_message_lost, "a client is closed in the middle of a message"},
    {Probe::server_idle_timeout, "server_idle_timeout closes a server"},
    {Probe::server_lifetime, "server_lifetime closes a server"},
    {Probe::server_makes_room, "a server makes room for another pool"},
    {Probe::server_not_reused, "a server is not used again, because of a doubt"},
    {Probe::half_message_sent, "a server is closed behind half a message"},
    {Probe::lost_in_request, "a server is closed whose client was lost in a request"},
    {Probe::not_clean_in_time, "a server does not become clean in time"},
    {Probe::cancel_passed_on, "PostgreSQL has taken a cancel"},
    {Probe::server_login_failed, "a server's login fails"},
    {Probe::server_refused_protocol, "a server refuses a newer protocol, and is asked for 3.0"},
    {Probe::server_without_secret, "a server gives nothing to cancel it by"},
    {Probe::accept_paused, "there are no descriptors for another client"},
    {Probe::settings_applied, "settings are loaded again"},
    {Probe::drained, "all have gone, and pgweir ends", only_drain},
    {Probe::receiver_let_in, "a client that replicates gets its server"},
    {Probe::receiver_streams, "a server streams to a client"},
    {Probe::encryption_refused, "a client asks for encryption first"},
    {Probe::protocol_negotiated, "a client is told which protocol is spoken"},
    {Probe::old_password_refused, "a client has a password that changed"},
    {Probe::settings_refused, "a client is refused the settings it asks for"},
    {Probe::handed_over, "a client is handed over to another machine"},
    {Probe::cancel_of_another_machine, "a cancel comes in at another machine than its client's"},
    {Probe::cancel_of_another_replica, "a cancel comes in that another replica's client asks for"},
    {Probe::all_machines_asked, "all machines are asked for what there is"},
    {Probe::credit_used_up, "a machine has more to say to another than may be under way"},
    {Probe::machine_deaf, "a machine takes no letters for a while"},
    {Probe::host_marked, "a host is marked by a server's last words"},
    {Probe::standby_left, "the servers of a standby are closed"},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < probe_count; ++i) {
    if (known_probes[i].probe != static_cast<Probe>(i)) return false;
  }
  return true;
}
static_assert(in_order(), "every probe has its name, in the order of the probes");

}  // namespace

void Probes::told_fatal(std::string_view code, std::string_view text) {
  constexpr std::array<std::pair<std::string_view, Probe>, 8> by_text{{
      {"query_wait_timeout", Probe::query_wait_timeout},
      {"query_timeout", Probe::query_timeout},
      {"transaction_timeout", Probe::transaction_timeout},
      {"idle_transaction_timeout", Probe::idle_transaction_timeout},
      {"client_idle_timeout", Probe::client_idle_timeout},
      {"client_login_timeout", Probe::client_login_timeout},
      {"cancel_wait_timeout", Probe::cancel_wait_timeout},
      {"no more connections allowed", Probe::too_many_clients},
  }};
  for (const auto& [beginning, probe] : by_text) {
    if (text.starts_with(beginning)) return hit(probe);
  }
  if (code == "3D000") hit(Probe::unknown_database);
  if (code == "28P01") hit(Probe::wrong_password);
  if (code == "08006") hit(Probe::server_lost);
  if (code == "57P03" || text.contains("shutting down")) hit(Probe::shutting_down);
}

void Probes::step(const Event& event, std::span<const Effect> effects) {
  if (const auto* congested = std::get_if<event::Congested>(&event)) {
    const bool client = congested->socket.kind == SocketKind::client;
    hit(client ? Probe::client_congested : Probe::server_congested);
  } else if (const auto* done = std::get_if<event::PeerDone>(&event)) {
    if (done->socket.kind == SocketKind::client) hit(Probe::client_half_closed);
  } else if (std::holds_alternative<event::Adopted>(event)) {
    hit(Probe::handed_over);
  } else if (const auto* told = std::get_if<event::Told>(&event)) {
    if (seats::name_of(told->message) == "Cancel") hit(Probe::cancel_of_another_machine);
    if (seats::name_of(told->message) == "Answer") hit(Probe::all_machines_asked);
  }
  for (const Effect& effect : effects) {
    if (const auto* note = std::get_if<Note>(&effect)) noted(*note);
  }
}

void Probes::noted(const Note& note) {
  constexpr std::array<std::pair<std::string_view, Probe>, 7> closed_by_text{{
      {"server_idle_timeout", Probe::server_idle_timeout},
      {"server_lifetime", Probe::server_lifetime},
      {"its place is needed, or a limit was lowered", Probe::server_makes_room},
      {"not to be used again", Probe::server_not_reused},
      {"half a message was sent", Probe::half_message_sent},
      {"its client was lost in the middle of a request", Probe::lost_in_request},
      {"it did not become clean in time", Probe::not_clean_in_time},
  }};
  switch (note.kind) {
    case NoteKind::server_closed:
      for (const auto& [text, probe] : closed_by_text) {
        if (note.text == text) hit(probe);
      }
      break;
    case NoteKind::server_login_failed: hit(Probe::server_login_failed); break;
    case NoteKind::server_refused_protocol: hit(Probe::server_refused_protocol); break;
    case NoteKind::server_without_secret: hit(Probe::server_without_secret); break;
    case NoteKind::server_said: hit(Probe::last_words_of_idle_server); break;
    case NoteKind::server_recovered: hit(Probe::server_recovered); break;
    case NoteKind::half_message_lost: hit(Probe::half_message_lost); break;
    case NoteKind::cancel_sent: hit(Probe::cancel_passed_on); break;
    case NoteKind::accept_paused: hit(Probe::accept_paused); break;
    case NoteKind::settings_applied: hit(Probe::settings_applied); break;
    case NoteKind::exiting: hit(Probe::drained); break;
    case NoteKind::foreign_cancels:
    case NoteKind::client_login:
    case NoteKind::client_closed:
    case NoteKind::client_refused:
    case NoteKind::server_connected:
    case NoteKind::protocol_desync:
    case NoteKind::resolve_failed:
    case NoteKind::host_marked:  // HostMarks knows
    case NoteKind::settings_refused:
    case NoteKind::draining:
    case NoteKind::stats: break;
  }
}

Probes& Probes::operator+=(const Probes& other) {
  for (std::size_t i = 0; i < probe_count; ++i) counts_[i] += other.counts_[i];
  return *this;
}

std::string_view Probes::never_hit() const {
  const auto found = std::ranges::find_if(known_probes, [&](const Known& one) {
    return counts_[static_cast<std::size_t>(one.probe)] == 0 && one.rare.empty();
  });
  return found == known_probes.end() ? "" : found->name;
}

void Probes::tell(std::FILE* to) const {
  for (const Known& one : known_probes) {
    const std::string rare = one.rare.empty() ? "" : " (" + std::string(one.rare) + ")";
    std::fprintf(to, "%10" PRIu64 "  %s%s\n", counts_[static_cast<std::size_t>(one.probe)],
                 std::string(one.name).c_str(), rare.c_str());
  }
}

}  // namespace pgweir::sim
