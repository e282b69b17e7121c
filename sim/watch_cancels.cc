// The part of the watch that is about cancels (O-08): that they hit what was meant, and reach it.
#include <algorithm>
#include <string>
#include <utility>

#include "core/base/limits.h"
#include "core/seats/message.h"
#include "sim/application.h"
#include "sim/simulation.h"
#include "sim/watch.h"

namespace pgweir::sim {

void Watch::cancel_arrived(SocketId brought_by, Cancel cancel, std::span<const Effect> effects) {
  const auto ends = [&](const Effect& effect) {
    const auto* close = std::get_if<effect::Close>(&effect);
    return close != nullptr && close->socket == brought_by;
  };
  // After a long stand-still it may be late with half of it, and told so.
  const auto refused = [&](const Effect& effect) {
    const auto* send = std::get_if<effect::Send>(&effect);
    return send != nullptr && send->socket == brought_by && send->bytes.size() > 1;
  };
  const bool whole = std::ranges::any_of(effects, ends) && std::ranges::none_of(effects, refused);
  cancels_[cancel.application] = simulation_.applications()[cancel.application - 1]->last_request();
  if (whole) return check_answered(cancel, effects);
  passed_on_[brought_by] = cancel;  // perhaps: the letter may go later
}

// It is counted, and noted at once when none was noted for a while. Who brings it is let go.
void Watch::foreign_cancel_arrived(SocketId brought_by, std::span<const Effect> effects) {
  const auto ends = [&](const Effect& effect) {
    const auto* close = std::get_if<effect::Close>(&effect);
    return close != nullptr && close->socket == brought_by;
  };
  const auto told = [&](const Effect& effect) {  // that it was too late with the rest
    const auto* send = std::get_if<effect::Send>(&effect);
    return send != nullptr && send->socket == brought_by && send->bytes.size() > 1;
  };
  if (std::ranges::none_of(effects, ends) || std::ranges::any_of(effects, told)) return;
  simulation_.probes().hit(Probe::cancel_of_another_replica);
  ForeignCancels& known = foreign_cancels_[simulation_.shell().machine_of(brought_by)];
  ++known.count;
  const Instant now = simulation_.clock().now();
  const bool is_due =
      known.noted_at == never || now >= after(known.noted_at, limits::foreign_cancels_noted_every);
  const auto notes = [](const Effect& effect) {
    const auto* note = std::get_if<Note>(&effect);
    return note != nullptr && note->kind == NoteKind::foreign_cancels;
  };
  if (!is_due || std::ranges::any_of(effects, notes)) return;
  simulation_.verdict().blame(oracle::cancel_reach,
                              "a cancel of another replica's client is not noted");
}

void Watch::check_foreign_cancels(const Note& note) {
  ForeignCancels& known = foreign_cancels_[simulation_.shell().machine_of(note.socket)];
  known.noted_at = simulation_.clock().now();
  const std::string said = std::string(note.text.substr(0, note.text.find(' ')));
  const std::string is = std::to_string(std::exchange(known.count, 0));
  if (said == is) return;
  simulation_.verdict().blame(oracle::cancel_reach, "the log tells of " + said +
                                                        " cancels of another replica's clients, " +
                                                        "and there were " + is);
}

void Watch::cancel_told(Bytes letter, std::span<const Effect> effects) {
  if (seats::name_of(letter) != "Cancel") return;
  const auto message = std::get<seats::Cancel>(seats::read(letter));
  const auto known = passed_on_.find(socket_of(message.requester));
  if (known == passed_on_.end()) return;
  const Cancel cancel = known->second;
  passed_on_.erase(known);
  cancels_[cancel.application] = simulation_.applications()[cancel.application - 1]->last_request();
  check_answered(cancel, effects);
}

// It is where its application's client is, who has an answer now if it waited for a server, and
// whose server is asked to stop what it does.
void Watch::check_answered(Cancel cancel, std::span<const Effect> effects) {
  const std::uint32_t number = cancel.application;
  const Application& application = *simulation_.applications()[number - 1];
  if (application.cancel_port() != cancel.port) return;
  check_passed_on(application, effects);
  for (const auto& [client, waiter] : waiting_) {
    if (simulation_.shell().stream_of(client) != application.stream().get()) continue;
    // It may have been served, and held up again.
    if (!simulation_.ledger().follows(client)) continue;
    const auto answered = [&](const Effect& effect) {
      const auto* send = std::get_if<effect::Send>(&effect);
      return send != nullptr && send->socket == client;
    };
    if (std::ranges::any_of(effects, answered)) {
      simulation_.probes().hit(Probe::waited_and_cancelled);
      continue;
    }
    simulation_.verdict().blame(oracle::cancel_reach,
                                "c" + std::to_string(number) +
                                    " asked for a cancel while it waited for a server, and was not "
                                    "answered");
  }
}

// PostgreSQL is at its statement, and all who know of it know that: a cancel goes there now, if
// none is on its way.
void Watch::check_passed_on(const Application& who, std::span<const Effect> effects) {
  for (const auto& [server, client] : owners_) {
    if (!runs_for(server, client, who)) continue;
    const std::size_t host = hosts_.at(server);
    const auto goes_there = [&](const Effect& effect) {
      const auto* connect = std::get_if<effect::Connect>(&effect);
      return connect != nullptr && connect->socket.kind == SocketKind::cancel &&
             Names::host_at(connect->to) == host;
    };
    const auto is_on_its_way = [&](const auto& entry) {
      return entry.first.kind == SocketKind::cancel && entry.second == host;
    };
    if (std::ranges::any_of(effects, goes_there)) continue;
    if (std::ranges::any_of(hosts_, is_on_its_way)) continue;
    simulation_.verdict().blame(oracle::cancel_reach,
                                "c" + std::to_string(who.identity().number) +
                                    " asked for a cancel while its statement slept, and PostgreSQL "
                                    "was not told");
  }
}

bool Watch::runs_for(SocketId server, SocketId client, const Application& who) const {
  const Stream* stream = simulation_.shell().stream_of(client);
  if (stream == nullptr || stream != who.stream().get()) return false;
  const PostgresSession* session = session_of(server);
  if (session == nullptr || session->hostile() || !session->sleeping()) return false;
  if (!session->gives_secret()) return false;
  if (simulation_.application_of(session->owner_tag()) != &who) return false;
  const Stream& its = *session->stream();
  const bool still = its.flying_size() == 0 && its.readable_size() == 0 &&
                     its.unread_by_peer().empty() && !its.peer_finished() && !its.peer_reset() &&
                     !its.closed();
  return still && !simulation_.census().servers().at(server).closing &&
         !simulation_.census().clients().at(client).closing;
}

// What a cancel says to PostgreSQL is what a session there has said of itself.
void Watch::check_secret(SocketId canceller, std::string_view request) {
  const RunOptions& options = simulation_.options();
  const std::size_t host = hosts_.at(canceller);
  if (options.hostile_permille > 0 && host == options.hostile_host) return;
  Body body(request.substr(8));  // behind its size and the code
  const auto pid = static_cast<std::uint32_t>(body.int32().value_or(0));
  if (simulation_.hosts()[host]->gave_out(pid, body.rest())) return;
  simulation_.verdict().blame(oracle::cancel_reach, "a cancel for backend " + std::to_string(pid) +
                                                        " of " + Names::name_of(host) +
                                                        " has a secret that nobody was given");
}

// A statement was cancelled: its client asked for that, or is gone.
void Watch::check_cancelled(const ServerEvent& event) {
  simulation_.probes().hit(Probe::statement_cancelled);
  const Application* owner = simulation_.application_of(event.client_tag);
  if (owner == nullptr || !owner->stream() || !owner->asking()) return;
  const Stream& stream = *owner->stream();
  if (stream.closed() || stream.peer_reset() || stream.peer_finished() || stream.dark()) return;
  if (event.request_tag.empty()) return;  // what pgweir itself asks for a client
  const std::uint32_t hit = number_in(event.request_tag);
  if (dismissed_.contains(owner->identity().number)) return;
  if (hit < owner->first_request()) return;  // of a connection it has lost
  const auto found = cancels_.find(owner->identity().number);
  const std::string who(event.client_tag);
  if (found == cancels_.end()) {
    simulation_.verdict().blame(oracle::cancel_reach, "backend " + std::to_string(event.pid) +
                                                          " cancelled " + who +
                                                          ", which had not asked for it");
    return;
  }
  if (hit > found->second) {
    simulation_.verdict().blame(
        oracle::cancel_reach, who + ": a cancel that came when r" + std::to_string(found->second) +
                                  " was the last hit " + std::string(event.request_tag));
  }
}

}  // namespace pgweir::sim
