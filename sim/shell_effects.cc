// How the in-memory shell carries out effects, and what it refuses.
#include <algorithm>

#include "core/base/limits.h"
#include "core/base/text.h"
#include "sim/shell.h"

namespace pgweir::sim {

namespace {

std::optional<Endpoint> read_ipv4(std::string_view text) {
  Endpoint endpoint = ipv4(0, 0, 0, 0, 0);
  for (std::size_t i = 0; i < 4; ++i) {
    const std::size_t end = std::min(text.find('.'), text.size());
    const auto part = to_integer(text.substr(0, end));
    if (!part || *part > 255 || (i == 3) != (end == text.size())) return std::nullopt;
    endpoint.address[i] = static_cast<std::uint8_t>(*part);
    text.remove_prefix(i == 3 ? end : end + 1);
  }
  return endpoint;
}

}  // namespace

void Shell::carry_out(const Effect& effect) {
  std::visit([&](const auto& alternative) { carry_out(alternative); }, effect);
}

// The socket, if the machine may still do something with it; complains otherwise.
Shell::Socket* Shell::usable(SocketId id, const char* effect) {
  const auto found = sockets_.find(id);
  if (found != sockets_.end() && found->second.state != State::closing) return &found->second;
  complain(join(effect, " on a socket that ", found == sockets_.end() ? "is not there" : "closes",
                ": kind ", static_cast<int>(id.kind), " slot ", id.slot, " generation ",
                id.generation));
  return nullptr;
}

void Shell::carry_out(const effect::Send& send) {
  Socket* socket = usable(send.socket, "Send");
  if (socket == nullptr) return;
  if (socket->state != State::open) return complain("Send on a socket that is not connected yet");
  if (send.bytes.empty()) return complain("Send of no bytes: leave it out");
  socket->unsent.push(text_of(send.bytes));
  records_[send.socket].sent += text_of(send.bytes);
  touched_.push_back(send.socket);
}

void Shell::carry_out(const effect::StopReading& stop) {
  if (Socket* socket = usable(stop.socket, "StopReading")) socket->reading = false;
}

void Shell::carry_out(const effect::ResumeReading& resume) {
  if (Socket* socket = usable(resume.socket, "ResumeReading")) socket->reading = true;
}

void Shell::carry_out(const effect::ReadSize& size) {
  if (Socket* socket = usable(size.socket, "ReadSize")) socket->large = size.large;
}

void Shell::carry_out(const effect::Accepting& accepting) {
  accepting_ = accepting.how == effect::Accept::on;
}

void Shell::carry_out(const effect::Close& close) {
  Socket* socket = usable(close.socket, "Close");
  if (socket == nullptr) return;
  // What the world was about to say of this socket is not heard any more; Closed is.
  std::erase_if(answers_, [&](const Answer& answer) { return answer.socket == close.socket; });
  if (socket->stream) write_out(*socket);
  socket->state = State::closing;
  if (close.when == effect::CloseWhen::now) socket->unsent = {};
  socket->linger_until = after(now_, limits::close_linger);
  touched_.push_back(close.socket);
}

void Shell::carry_out(const effect::Connect& connect) {
  if (connect.socket.kind == SocketKind::client) return complain("Connect of a client's socket");
  const auto [entry, fresh] = sockets_.try_emplace(connect.socket);
  if (!fresh || records_.contains(connect.socket)) return complain("Connect of a used socket id");
  records_[connect.socket];
  Socket& socket = entry->second;
  socket.state = State::connecting;
  socket.large = connect.socket.kind == SocketKind::server;
  const Place* place = find_place(connect.to);
  const auto welcome = place == nullptr ? Host::Welcome::refuse : place->host->welcome();
  switch (welcome) {
    case Host::Welcome::accept:
      socket.stream = std::make_shared<Stream>(options_.pipe_capacity);
      place->host->accepted(socket.stream);
      answers_.push_back(
          {event::Connected{connect.socket, ipv4(10, 9, 0, 254, 50000)}, connect.socket});
      break;
    case Host::Welcome::refuse:
      answers_.push_back({event::ConnectFailed{connect.socket, Reason::refused}, connect.socket});
      break;
    case Host::Welcome::never_answer: break;
  }
}

void Shell::carry_out(const effect::Resolve& resolve) {
  const auto found = names_.find(std::string(resolve.host));
  Answer answer;
  if (found != names_.end()) answer.addresses = found->second;
  // A resolver reads addresses too.
  if (const auto address = read_ipv4(resolve.host)) answer.addresses = {*address};
  for (Endpoint& address : answer.addresses) address.port = resolve.port;
  const Reason why = answer.addresses.empty() ? Reason::name_unknown : Reason::none;
  answer.event = event::Resolved{resolve.ticket, {}, why};
  ask(resolve.ticket, std::move(answer));
}

void Shell::carry_out(const effect::Derive& derive) {
  const bool done = vault_.derive(derive.credential, derive.salt, derive.iterations);
  ask(derive.ticket, {event::Derived{derive.ticket, done}});
}

void Shell::carry_out(const effect::LoadSettings&) {
  if (next_settings_) {
    answers_.push_back({event::Reconfigured{*next_settings_}});
  } else {
    answers_.push_back({event::Refused{"line 1: the settings of this test are refused"}});
  }
}

void Shell::carry_out(const Note& note) {
  notes_.push_back({note.kind, note.socket, std::string(note.text), std::string(note.sqlstate)});
}

void Shell::carry_out(const effect::Exit& exit) { exit_status_ = exit.status; }

void Shell::ask(Ticket ticket, Answer answer) {
  if (!tickets_.insert(ticket).second) complain(join("ticket ", ticket, " is asked twice at once"));
  answers_.push_back(std::move(answer));
}

// False when nothing could be moved.
bool Shell::write_out(Socket& socket) {
  if (socket.unsent.empty()) return false;
  const std::size_t sent = socket.stream->send(socket.unsent.view());
  socket.unsent.drop(sent);
  return sent > 0;
}

void Shell::finish_closing(SocketId id, Socket& socket) {
  const bool told = socket.linger_until == never;
  if (socket.state != State::closing || told || !socket.unsent.empty()) return;
  socket.linger_until = never;
  if (socket.stream) socket.stream->close();
  answers_.push_back({event::Closed{id, Reason::none}, id});
}

const Shell::Place* Shell::find_place(const Endpoint& where) const {
  for (const Place& place : places_) {
    if (place.endpoint.family != where.family || place.path != where.path) continue;
    if (where.family == Endpoint::Family::unix_socket) return &place;
    if (place.endpoint.port == where.port && place.endpoint.address == where.address) return &place;
  }
  return nullptr;
}

}  // namespace pgweir::sim
