#include "sim/shell.h"

#include <algorithm>

#include "core/base/limits.h"
#include "core/base/text.h"

namespace pgweir::sim {

namespace {

// More steps than any test needs without time passing: the machine and the world chase each other.
constexpr std::uint64_t steps_per_run_max = 5'000'000;

constexpr std::string_view unix_socket_path = "/tmp/.s.PGSQL.6432";

Endpoint our_end() { return ipv4(10, 9, 0, 254, 6432); }

}  // namespace

Endpoint ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d, std::uint16_t port) {
  return {Endpoint::Family::ipv4, port, {a, b, c, d}, {}};
}

void Shell::News::stream_changed(SocketId socket) {
  if (!sockets_.empty() && sockets_.back() == socket) return;
  const auto place = std::ranges::lower_bound(sockets_, socket);
  if (place == sockets_.end() || *place != socket) sockets_.insert(place, socket);
}

void Shell::News::drop(SocketId socket) {
  const auto place = std::ranges::lower_bound(sockets_, socket);
  if (place != sockets_.end() && *place == socket) sockets_.erase(place);
}

Shell::Shell(Clock& clock, std::vector<Stepper*> machines, ToyVault& vault, ShellOptions options)
    : clock_(clock), vault_(vault), options_(std::move(options)) {
  for (Stepper* machine : machines) seats_.push_back({machine});
  for (std::uint8_t machine = 0; machine < seats_.size(); ++machine) {
    step(machine, event::WallClock{std::chrono::hours(24)});
  }
}

// The streams may outlive it.
Shell::~Shell() {
  sockets_.for_each([](SocketId, const Socket& socket) {
    if (socket.stream) socket.stream->watch(nullptr, {});
  });
}

void Shell::add_host(const Endpoint& where, Host& host) {
  places_.push_back({where, std::string(where.path), &host});
}

void Shell::set_name(const std::string& name, std::vector<Endpoint> addresses) {
  names_[name] = std::move(addresses);
}

std::shared_ptr<Stream> Shell::new_stream() {
  return options_.network != nullptr ? options_.network->connect(options_.pipe_capacity)
                                     : std::make_shared<Stream>(options_.pipe_capacity);
}

std::shared_ptr<Stream> Shell::connect(const Endpoint& from) {
  backlog_.push_back({from, our_end(), std::nullopt, new_stream()});
  return backlog_.back().stream;
}

std::shared_ptr<Stream> Shell::connect_unix(std::uint32_t uid) {
  Endpoint local{};
  local.path = unix_socket_path;
  backlog_.push_back({Endpoint{}, local, uid, new_stream()});
  return backlog_.back().stream;
}

void Shell::command(event::Command command) { answer(Wait::command, {event::Commanded{command}}); }

void Shell::set_wall_clock(Duration offset) {
  for (std::uint8_t machine = 0; machine < seats_.size(); ++machine) {
    answer(Wait::command, {event::WallClock{offset}, machine});
  }
}

void Shell::fail_accept(Reason why) { answer(Wait::command, {event::AcceptFailed{why}}); }

void Shell::run() {
  const std::uint64_t first = step_count_;
  for (Peer* peer : peers_) peer->turn();
  while (!exit_status_ && turn()) {
    if (step_count_ - first > steps_per_run_max) {
      complain("no end of steps without time passing: look for two parties that answer each other");
      return;
    }
  }
}

void Shell::advance(Duration duration) {
  const Instant target = after(now(), duration);
  run();
  while (!exit_status_ && complaints_.empty() && next() <= target) {
    clock_.move_to(std::max(now(), next()));
    run();
  }
  if (clock_.next() > target) clock_.move_to(std::max(now(), target));
  run();
}

Instant Shell::next() const {
  if (now() < stalled_until_) return std::min(clock_.next(), stalled_until_);
  Instant next = std::min(clock_.next(), wake_at());
  if (!answers_.empty()) next = std::min(next, answers_.begin()->first);
  for (const SocketId id : lingering_) next = std::min(next, sockets_.find(id)->linger_until);
  return next;
}

bool Shell::turn() {
  if (clock_.run_due()) return true;
  return now() >= stalled_until_ && own_turn();
}

// The first that can happen in the order the header tells.
bool Shell::own_turn() {
  if (exit_status_) return false;
  if (!lingering_.empty()) end_lingering();
  return continue_delivery() || deliver_answer() || accept_one() || look_at_socket() || wake();
}

bool Shell::continue_delivery() {
  if (delivery_.left == 0) return false;
  Socket* socket = sockets_.find(delivery_.socket);
  if (socket == nullptr || socket->state != State::open || !socket->reading) {
    delivery_.left = 0;
    return false;
  }
  const std::size_t size = options_.cut ? options_.cut(delivery_.left) : delivery_.left;
  read_buffer_ =
      socket->stream->readable().substr(0, std::clamp(size, std::size_t{1}, delivery_.left));
  if (read_buffer_.empty()) {  // reset meanwhile
    delivery_.left = 0;
    return false;
  }
  socket->stream->drop_readable(read_buffer_.size());
  delivery_.left -= read_buffer_.size();
  if (options_.keep_records) records_[delivery_.socket].received += read_buffer_;
  step(socket->machine, event::Received{delivery_.socket, bytes_of(read_buffer_)});
  return true;
}

bool Shell::deliver_answer() {
  if (answers_.empty() || answers_.begin()->first > now()) return false;
  Answer answer = std::move(answers_.begin()->second);
  answers_.erase(answers_.begin());
  if (auto* resolved = std::get_if<event::Resolved>(&answer.event)) {
    resolved->addresses = answer.addresses;
    tickets_.erase({answer.machine, resolved->ticket});
  }
  if (auto* derived = std::get_if<event::Derived>(&answer.event)) {
    tickets_.erase({answer.machine, derived->ticket});
    derived->done = answer.derive();
  }
  if (const auto* loaded = std::get_if<event::Reconfigured>(&answer.event)) {
    // Nobody is told of others before all have these.
    if (settings_untold_ == 0) settings_untold_ = seats_.size();
    --settings_untold_;
    settings_under_way() ? vault_.load(loaded->settings) : vault_.adopt(loaded->settings);
  }
  if (std::holds_alternative<event::Connected>(answer.event)) return connect_now(answer);
  if (auto* told = std::get_if<event::Told>(&answer.event)) told->message = bytes_of(answer.letter);
  const bool arrives = std::holds_alternative<event::Arrived>(answer.event);
  if (arrives || std::holds_alternative<event::Adopted>(answer.event)) return adopt(answer);
  if (std::holds_alternative<event::Closed>(answer.event)) sockets_.erase(answer.socket);
  step(answer.machine, answer.event);
  return true;
}

// The socket is the machine's from now on.
bool Shell::adopt(const Answer& answer) {
  Socket& socket = *sockets_.find(answer.socket);
  socket.machine = answer.machine;
  socket.state = State::open;
  socket.peer_done_told = socket.hangup_told = false;  // to this machine it is news
  touched_.push_back(answer.socket);
  news_.stream_changed(answer.socket);
  const Bytes parcel = bytes_of(answer.letter);
  if (const auto* adopted = std::get_if<event::Adopted>(&answer.event)) {
    step(answer.machine, event::Adopted{adopted->client, adopted->from, parcel});
    return true;
  }
  arriving_ = answer.socket;
  --moving_servers_;
  step(answer.machine, event::Arrived{std::get<event::Arrived>(answer.event).from, parcel});
  if (arriving_) complain("a server has arrived and was not taken");
  return true;
}

// The host decides when it is asked, which may be long after the machine wanted it.
bool Shell::connect_now(const Answer& answer) {
  Socket& socket = *sockets_.find(answer.socket);
  const Place* place = find_place(answer.addresses.front());
  Reason why = options_.refuse ? options_.refuse(answer.addresses.front()) : Reason::none;
  const auto welcome = place == nullptr ? Host::Welcome::refuse : place->host->welcome();
  if (why == Reason::none && welcome == Host::Welcome::never_answer) return true;
  if (why == Reason::none && welcome == Host::Welcome::refuse) why = Reason::refused;
  if (why != Reason::none) {
    sockets_.erase(answer.socket);
    step(answer.machine, event::ConnectFailed{answer.socket, why});
    return true;
  }
  socket.stream = new_stream();
  socket.stream->set_peer(place->host);
  socket.state = State::open;
  place->host->accepted(socket.stream);
  socket.stream->watch(&news_, answer.socket);
  step(answer.machine, answer.event);
  return true;
}

bool Shell::accept_one() {
  if (!accepting_ || backlog_.empty()) return false;
  const Knock knock = std::move(backlog_.front());
  backlog_.pop_front();
  ClientHandle client;
  while (sockets_.taken(SocketKind::client, client.slot)) ++client.slot;
  if (client.slot == client_generations_.size()) client_generations_.push_back(0);
  client.generation = ++client_generations_[client.slot];
  const SocketId id = socket_of(client);
  sockets_.add(id)->stream = knock.stream;
  knock.stream->watch(&news_, id);
  if (options_.keep_records) records_[id];
  step(0, event::Accepted{client, knock.peer, knock.local, knock.uid});
  return true;
}

bool Shell::look_at_socket() {
  while (!news_.sockets().empty()) {
    const std::size_t count = news_.sockets().size();
    const SocketId id = news_.sockets()[options_.pick && count > 1 ? options_.pick(count) : 0];
    Socket* socket = sockets_.find(id);
    if (socket != nullptr && socket->stream) {
      const bool moved = write_out(*socket);
      if (tell_drained(id, *socket) || tell_ends(id, *socket) || deliver(id, *socket)) return true;
      const bool closed = finish_closing(id, *socket);
      if (moved || closed) return true;
    }
    news_.drop(id);
  }
  return false;
}

bool Shell::tell_drained(SocketId id, Socket& socket) {
  if (!socket.congested || !socket.unsent.empty() || socket.state != State::open) return false;
  socket.congested = false;
  step(socket.machine, event::Drained{id});
  return true;
}

bool Shell::tell_ends(SocketId id, Socket& socket) {
  if (socket.state != State::open) return false;
  const Stream& stream = *socket.stream;
  if (stream.peer_reset()) {
    if (socket.hangup_told) return false;
    socket.hangup_told = true;
    step(socket.machine, event::Hangup{id, stream.hangup_reason()});
    return true;
  }
  if (socket.peer_done_told || !stream.peer_finished() || stream.readable_size() > 0) return false;
  socket.peer_done_told = true;
  step(socket.machine, event::PeerDone{id});
  return true;
}

bool Shell::deliver(SocketId id, Socket& socket) {
  if (socket.state != State::open || !socket.reading) return false;
  const std::size_t ready = socket.stream->readable_size();
  if (ready == 0) return false;
  const std::size_t size_max = socket.large ? limits::read_buffer_size : limits::client_read_size;
  delivery_ = {id, std::min(ready, size_max)};
  return continue_delivery();
}

bool Shell::wake() {
  for (std::uint8_t machine = 0; machine < seats_.size(); ++machine) {
    Seat& seat = seats_[machine];
    if (seat.wake_at > now()) continue;
    seat.wake_at = never;
    step(machine, event::Woke{});
    const auto next = seat.machine->deadline();
    if (!next || next->at > now()) return true;
    complain(join("after Woke the deadline is still due: ", next->purpose));
    return false;
  }
  return false;
}

Instant Shell::wake_at() const {
  Instant next = never;
  for (const Seat& seat : seats_) next = std::min(next, seat.wake_at);
  return next;
}

// close_linger is over: what is unsent is given up.
void Shell::end_lingering() {
  const std::vector<SocketId> lingering = lingering_;
  for (const SocketId id : lingering) {
    Socket& socket = *sockets_.find(id);
    if (socket.linger_until > now()) continue;
    if (socket.stream && !socket.unsent.empty()) socket.stream->close(Stream::Loss::lingered);
    socket.unsent.clear();
    finish_closing(id, socket);
  }
}

void Shell::check_no_leaks() {
  run();
  if (exit_status_) return;  // the process is gone, and its sockets with it
  sockets_.for_each([&](SocketId id, const Socket& socket) {
    if (!socket.stream || !socket.stream->peer_finished()) return;
    complain(join("a leaked socket: the peer of kind ", static_cast<int>(id.kind), " slot ",
                  id.slot, " is gone and it was never closed"));
  });
}

bool Shell::moves_to(SocketId socket, std::uint8_t machine) const {
  const Socket* found = sockets_.find(socket);
  return found != nullptr && found->state == State::moving && found->machine == machine;
}

bool Shell::mail_under_way() const {
  return std::ranges::any_of(posted_, [&](const auto& last) { return last.second > now(); });
}

std::size_t Shell::note_count(NoteKind kind) const {
  return static_cast<std::size_t>(std::ranges::count(notes_, kind, &KeptNote::kind));
}

std::size_t Shell::unsent_size(SocketId socket) const {
  const Socket* found = sockets_.find(socket);
  return found == nullptr ? 0 : found->unsent.size();
}

const Stream* Shell::stream_of(SocketId socket) const {
  const Socket* found = sockets_.find(socket);
  return found == nullptr ? nullptr : found->stream.get();
}

std::uint8_t Shell::machine_of(SocketId socket) const { return sockets_.find(socket)->machine; }

void Shell::step(std::uint8_t machine, const Event& event) {
  step_once(machine, event);
  while (!newly_congested_.empty() && !exit_status_) {
    const SocketId socket = newly_congested_.front();
    newly_congested_.pop_front();
    step_once(machine_of(socket), event::Congested{socket});
  }
}

namespace {

// The socket of an event or effect, where it has one.
template <class Variant, class See>
void with_socket(Variant& variant, See see) {
  std::visit(
      [&](auto& alternative) {
        if constexpr (requires { alternative.socket; }) see(alternative.socket);
      },
      variant);
}

}  // namespace

std::span<const Effect> Shell::stepped(std::uint8_t machine, const Event& event) {
  if (options_.around_step) options_.around_step(true);
  const std::span<const Effect> effects = seats_[machine].machine->step(now(), event);
  if (options_.around_step) options_.around_step(false);
  return effects;
}

// Machines name their servers each for itself.
std::span<const Effect> Shell::effects_of(std::uint8_t machine, const Event& event) {
  if (seats_.size() == 1) return stepped(machine, event);
  Event named = event;
  SocketId gone{};
  with_socket(named, [&](SocketId& socket) {
    if (socket.kind == SocketKind::client) return;
    const bool last = std::holds_alternative<event::Closed>(event) ||
                      std::holds_alternative<event::ConnectFailed>(event);
    if (last) gone = socket;
    socket = socket_names_.own(socket);
  });
  const std::span<const Effect> effects = stepped(machine, named);
  effects_.assign(effects.begin(), effects.end());
  for (Effect& effect : effects_) {
    with_socket(effect, [&](SocketId& socket) {
      if (!socket || socket.kind == SocketKind::client) return;
      if (std::holds_alternative<effect::Take>(effect)) {
        socket_names_.take(machine, socket, arriving_);
      }
      socket = std::holds_alternative<effect::Connect>(effect)
                   ? socket_names_.make(machine, socket)
                   : socket_names_.name(machine, socket);
      if (std::holds_alternative<effect::HandOver>(effect)) socket_names_.leave(socket);
    });
  }
  if (gone) socket_names_.forget(gone);
  return effects_;
}

void Shell::step_once(std::uint8_t machine, const Event& event) {
  ++step_count_;
  stepping_ = machine;
  if (seats_.size() > 1) trace_.add(std::uint64_t{machine});
  trace_.add(static_cast<std::uint64_t>(now().time_since_epoch().count()));
  encode(event, trace_);
  const std::span<const Effect> effects = effects_of(machine, event);
  for (const Effect& effect : effects) {
    encode(effect, trace_);
    carry_out(effect);
  }
  for (const SocketId id : touched_) {
    Socket* socket = sockets_.find(id);
    if (socket == nullptr) continue;
    write_out(*socket);
    if (!socket->unsent.empty() && !socket->congested && socket->state == State::open) {
      socket->congested = true;
      newly_congested_.push_back(id);
    }
    finish_closing(id, *socket);
  }
  touched_.clear();
  note_deadline(seats_[machine]);
  if (options_.watch) options_.watch(event, effects);
}

void Shell::note_deadline(Seat& seat) {
  const auto wake = seat.machine->deadline();
  const Instant at = wake ? wake->at : never;
  if (at == seat.deadline && seat.wake_at != never) return;
  seat.deadline = at;
  seat.wake_at = at == never ? never : after(std::max(at, now()), delay_of(Wait::timer));
}

void Shell::complain(std::string what) {
  complaints_.push_back(join("step ", step_count_, ": ", what));
}

}  // namespace pgweir::sim
