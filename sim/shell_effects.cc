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
  Socket* socket = sockets_.find(id);
  const bool there = socket != nullptr && socket->state != State::moving;
  if (there && socket->state != State::closing) return socket;
  complain(join(effect, " on a socket that ", there ? "closes" : "is not there", ": kind ",
                static_cast<int>(id.kind), " slot ", id.slot, " generation ", id.generation));
  return nullptr;
}

void Shell::carry_out(const effect::Send& send) {
  Socket* socket = usable(send.socket, "Send");
  if (socket == nullptr) return;
  if (socket->state != State::open) return complain("Send on a socket that is not connected yet");
  if (send.bytes.empty()) return complain("Send of no bytes: leave it out");
  socket->unsent.push(text_of(send.bytes));
  if (options_.keep_records) records_[send.socket].sent += text_of(send.bytes);
  if (touched_.empty() || touched_.back() != send.socket) touched_.push_back(send.socket);
}

void Shell::carry_out(const effect::StopReading& stop) {
  if (Socket* socket = usable(stop.socket, "StopReading")) socket->reading = false;
}

void Shell::carry_out(const effect::ResumeReading& resume) {
  Socket* socket = usable(resume.socket, "ResumeReading");
  if (socket == nullptr) return;
  socket->reading = true;
  news_.stream_changed(resume.socket);
}

void Shell::carry_out(const effect::ReadSize& size) {
  if (Socket* socket = usable(size.socket, "ReadSize")) socket->large = size.large;
}

void Shell::carry_out(const effect::Accepting& accepting) {
  accepting_ = accepting.how == effect::Accept::on;
  if (accepting.how != effect::Accept::ended) return;
  listening_ = false;
  for (const Knock& knock : backlog_) knock.stream->cut();
  backlog_.clear();
}

void Shell::carry_out(const effect::Close& close) {
  Socket* socket = usable(close.socket, "Close");
  if (socket == nullptr) return;
  // What the world was about to say of this socket is not heard any more; Closed is.
  std::erase_if(answers_, [&](const auto& entry) { return entry.second.socket == close.socket; });
  if (socket->stream) write_out(*socket);
  socket->state = State::closing;
  if (close.when == effect::CloseWhen::now) {
    socket->cut_short = !socket->unsent.empty();
    socket->unsent.clear();
  }
  socket->parts = close.when == effect::CloseWhen::when_sent;
  socket->linger_until = after(now(), limits::close_linger);
  lingering_.push_back(close.socket);
  touched_.push_back(close.socket);
}

void Shell::carry_out(const effect::Connect& connect) {
  if (connect.socket.kind == SocketKind::client) return complain("Connect of a client's socket");
  std::uint32_t& last =
      used_generations_[static_cast<std::size_t>(connect.socket.kind)][connect.socket.slot];
  Socket* socket = sockets_.add(connect.socket);
  if (socket == nullptr || last == connect.socket.generation) {
    return complain("Connect of a used socket id");
  }
  last = connect.socket.generation;
  if (options_.keep_records) records_[connect.socket];
  socket->state = State::connecting;
  socket->machine = stepping_;
  socket->large = connect.socket.kind == SocketKind::server;
  answer(Wait::connect, {event::Connected{connect.socket, ipv4(10, 9, 0, 254, 50000)},
                         stepping_,
                         connect.socket,
                         {connect.to}});
}

// Nobody hears of it before it has come; what cannot be sent meanwhile goes along.
void Shell::carry_out(const effect::HandOver& hand_over) {
  Socket* socket = usable(hand_over.socket, "HandOver");
  if (socket == nullptr) return;
  if (socket->state != State::open) return complain("HandOver of a socket that is not open");
  socket->state = State::moving;
  socket->congested = false;
  socket->reading = true;
  const auto [kind, slot, generation] = hand_over.socket;
  const bool is_client = kind == SocketKind::client;
  socket->large = !is_client;
  socket->machine = hand_over.to;
  moving_servers_ += !is_client;
  Answer letter{is_client ? Event(event::Adopted{{slot, generation}, stepping_, {}})
                          : Event(event::Arrived{stepping_, {}})};
  letter.socket = hand_over.socket;
  letter.letter = text_of(hand_over.parcel);
  post(hand_over.to, std::move(letter));
}

// With one machine there is nobody it could come from.
void Shell::carry_out(const effect::Take& take) {
  if (!arriving_ || take.socket != arriving_) complain("Take, and no server has arrived");
  arriving_ = {};
}

void Shell::carry_out(const effect::Tell& tell) {
  Answer letter{event::Told{stepping_, {}}};
  letter.letter = text_of(tell.message);
  post(tell.to, std::move(letter));
}

// In the order of each pair, and of nothing else.
void Shell::post(std::uint8_t to, Answer letter) {
  if (to >= seats_.size() || to == stepping_) return complain("a letter to nobody");
  letter.machine = to;
  Instant& last = posted_[{stepping_, to}];
  last = std::max({last, after(now(), delay_of(Wait::post)), seats_[to].deaf_until});
  answers_.emplace(last, std::move(letter));
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
  ask(resolve.ticket, Wait::resolve, std::move(answer));
}

void Shell::carry_out(const effect::Derive& derive) {
  Answer answer{event::Derived{derive.ticket, false}};
  answer.derive = [this, credential = derive.credential, iterations = derive.iterations,
                   salt = std::vector(derive.salt.begin(), derive.salt.end())] {
    return vault_.derive(credential, salt, iterations);
  };
  ask(derive.ticket, Wait::derive, std::move(answer));
}

void Shell::carry_out(const effect::LoadSettings&) {
  if (next_settings_) {
    // Each machine hears of them when it comes to it, in the order in which they were read.
    const Instant loaded_at = after(now(), delay_of(Wait::settings));
    for (std::uint8_t machine = 0; machine < seats_.size(); ++machine) {
      Instant& last = told_settings_[machine];
      const Duration way = seats_.size() == 1 ? Duration{} : delay_of(Wait::post);
      last = std::max({last, after(loaded_at, way), seats_[machine].deaf_until});
      answers_.emplace(last, Answer{event::Reconfigured{*next_settings_}, machine});
    }
  } else {
    answer(Wait::settings, {event::Refused{"line 1: the settings of this test are refused"}});
  }
}

void Shell::carry_out(const Note& note) {
  if (!options_.keep_records) return;
  notes_.push_back(
      {note.kind, note.level, note.socket, std::string(note.text), std::string(note.sqlstate)});
}

// The process ends, and the kernel closes what it had.
void Shell::carry_out(const effect::Exit& exit) {
  exit_status_ = exit.status;
  sockets_.for_each([](SocketId, const Socket& socket) {
    if (socket.stream) socket.stream->close();
  });
}

void Shell::ask(Ticket ticket, Wait wait, Answer answer) {
  answer.machine = stepping_;
  if (!tickets_.insert({stepping_, ticket}).second)
    complain(join("ticket ", ticket, " is asked twice at once"));
  this->answer(wait, std::move(answer));
}

void Shell::answer(Wait wait, Answer answer) {
  answers_.emplace(after(now(), delay_of(wait)), std::move(answer));
}

// False when nothing could be moved.
bool Shell::write_out(Socket& socket) {
  if (socket.unsent.empty() || socket.stream == nullptr) return false;
  const std::size_t sent = socket.stream->send(socket.unsent.view());
  socket.unsent.drop(sent);
  return sent > 0;
}

// True when that was the last of it but its Closed.
bool Shell::finish_closing(SocketId id, Socket& socket) {
  const bool told = socket.linger_until == never;
  if (socket.state != State::closing || told || !socket.unsent.empty()) return false;
  if (parting(socket)) return false;
  socket.linger_until = never;
  std::erase(lingering_, id);
  if (socket.stream) {
    socket.stream->close(socket.cut_short ? Stream::Loss::closed_at_once : Stream::Loss::none);
  }
  answer(Wait::close, {event::Closed{id, Reason::none}, socket.machine, id});
  return true;
}

// All is sent, and the peer has not closed its end yet: it is waited for, but not for long.
bool Shell::parting(Socket& socket) const {
  if (!socket.parts || !socket.stream || socket.linger_until <= now()) return false;
  socket.stream->say_end();
  return !socket.stream->peer_finished() && !socket.stream->peer_reset();
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
