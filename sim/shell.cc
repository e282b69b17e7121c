#include "sim/shell.h"

#include <algorithm>

#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/codec.h"

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

Shell::Shell(const Settings& settings, ToyVault& vault, ShellOptions options)
    : vault_(vault), options_(std::move(options)), machine_(settings, vault, Seat{}) {
  step(event::WallClock{std::chrono::hours(24)});
}

void Shell::add_host(const Endpoint& where, Host& host) {
  places_.push_back({where, std::string(where.path), &host});
  if (std::ranges::find(peers_, &host) == peers_.end()) add_peer(host);
}

void Shell::set_name(const std::string& name, std::vector<Endpoint> addresses) {
  names_[name] = std::move(addresses);
}

std::shared_ptr<Stream> Shell::connect(const Endpoint& from) {
  auto stream = std::make_shared<Stream>(options_.pipe_capacity);
  backlog_.push_back({from, our_end(), std::nullopt, stream});
  return stream;
}

std::shared_ptr<Stream> Shell::connect_unix(std::uint32_t uid) {
  auto stream = std::make_shared<Stream>(options_.pipe_capacity);
  const Endpoint peer{};
  Endpoint local{};
  local.path = unix_socket_path;
  backlog_.push_back({peer, local, uid, stream});
  return stream;
}

void Shell::command(event::Command command) { answers_.push_back({event::Commanded{command}}); }

void Shell::fail_accept(Reason why) { answers_.push_back({event::AcceptFailed{why}}); }

void Shell::run() {
  const std::uint64_t first = step_count_;
  while (!exit_status_ && turn()) {
    if (step_count_ - first > steps_per_run_max) {
      complain("no end of steps without time passing: look for two parties that answer each other");
      return;
    }
  }
}

void Shell::advance(Duration duration) {
  const Instant target = now_ + duration;
  run();
  for (;;) {
    Instant next = next_linger();
    if (const auto wake = machine_.deadline()) next = std::min(next, wake->at);
    if (exit_status_ || next > target || !complaints_.empty()) break;
    now_ = std::max(now_, next);
    run();
  }
  now_ = target;
  run();
}

// One thing that happens, the first that can in the order the header tells.
bool Shell::turn() {
  if (continue_delivery()) return true;
  for (Peer* peer : peers_) peer->turn();
  const bool moved = move_unsent();
  return tell_drained() || deliver_answer() || accept_one() || deliver_socket() || wake() || moved;
}

bool Shell::continue_delivery() {
  if (delivery_.left == 0) return false;
  const auto found = sockets_.find(delivery_.socket);
  if (found == sockets_.end() || found->second.state != State::open || !found->second.reading) {
    delivery_.left = 0;
    return false;
  }
  const std::size_t size = options_.cut ? options_.cut(delivery_.left) : delivery_.left;
  const std::string bytes =
      found->second.stream->receive(std::clamp(size, std::size_t{1}, delivery_.left));
  if (bytes.empty()) {  // reset meanwhile
    delivery_.left = 0;
    return false;
  }
  delivery_.left -= bytes.size();
  records_[delivery_.socket].received += bytes;
  step(event::Received{delivery_.socket, bytes_of(bytes)});
  return true;
}

bool Shell::tell_drained() {
  for (auto& [id, socket] : sockets_) {
    if (!socket.congested || !socket.unsent.empty() || socket.state != State::open) continue;
    socket.congested = false;
    step(event::Drained{id});
    return true;
  }
  return false;
}

bool Shell::deliver_answer() {
  if (answers_.empty()) return false;
  Answer answer = std::move(answers_.front());
  answers_.pop_front();
  if (auto* resolved = std::get_if<event::Resolved>(&answer.event)) {
    resolved->addresses = answer.addresses;
    tickets_.erase(resolved->ticket);
  }
  if (const auto* derived = std::get_if<event::Derived>(&answer.event)) {
    tickets_.erase(derived->ticket);
  }
  const auto found = sockets_.find(answer.socket);
  if (std::holds_alternative<event::Closed>(answer.event) ||
      std::holds_alternative<event::ConnectFailed>(answer.event)) {
    sockets_.erase(answer.socket);
  } else if (std::holds_alternative<event::Connected>(answer.event) && found != sockets_.end()) {
    found->second.state = State::open;
  }
  step(answer.event);
  return true;
}

bool Shell::accept_one() {
  if (!accepting_ || backlog_.empty()) return false;
  const Knock knock = std::move(backlog_.front());
  backlog_.pop_front();
  ClientHandle client;
  while (sockets_.contains(
      SocketId{SocketKind::client, client.slot,
               client.slot < client_generations_.size() ? client_generations_[client.slot] : 0})) {
    ++client.slot;
  }
  if (client.slot == client_generations_.size()) client_generations_.push_back(0);
  client.generation = ++client_generations_[client.slot];
  Socket& socket = sockets_[socket_of(client)];
  socket.stream = knock.stream;
  records_[socket_of(client)];
  step(event::Accepted{client, knock.peer, knock.local, knock.uid});
  return true;
}

bool Shell::deliver_socket() {
  for (auto& [id, socket] : sockets_) {
    if (socket.state != State::open) continue;
    if (tell_ends(id, socket)) return true;
    if (!socket.reading || socket.stream->readable_size() == 0) continue;
    const std::size_t size_max = socket.large ? limits::read_buffer_size : limits::client_read_size;
    delivery_ = {id, std::min(socket.stream->readable_size(), size_max)};
    return continue_delivery();
  }
  return false;
}

bool Shell::tell_ends(SocketId id, Socket& socket) {
  if (socket.stream->peer_reset() && !socket.hangup_told) {
    socket.hangup_told = true;
    step(event::Hangup{id, Reason::reset});
    return true;
  }
  if (socket.reading && socket.stream->peer_finished() && !socket.stream->peer_reset() &&
      socket.stream->readable_size() == 0 && !socket.peer_done_told) {
    socket.peer_done_told = true;
    step(event::PeerDone{id});
    return true;
  }
  return false;
}

bool Shell::wake() {
  const auto due = machine_.deadline();
  if (!due || due->at > now_) return false;
  step(event::Woke{});
  const auto next = machine_.deadline();
  if (next && next->at <= now_) {
    complain(join("after Woke the deadline is still due: ", next->purpose));
    return false;
  }
  return true;
}

bool Shell::move_unsent() {
  bool moved = false;
  for (auto& [id, socket] : sockets_) {
    if (!socket.stream || socket.state == State::connecting) continue;
    if (socket.linger_until <= now_) socket.unsent = {};
    moved = write_out(socket) || moved;
    finish_closing(id, socket);
  }
  return moved;
}

void Shell::check_no_leaks() {
  run();
  if (exit_status_) return;  // the process is gone, and its sockets with it
  for (const auto& [id, socket] : sockets_) {
    const bool gone = socket.stream && socket.stream->peer_finished();
    if (gone) {
      complain(join("a leaked socket: the peer of kind ", static_cast<int>(id.kind), " slot ",
                    id.slot, " is gone and it was never closed"));
    }
  }
}

std::size_t Shell::note_count(NoteKind kind) const {
  return static_cast<std::size_t>(std::ranges::count(notes_, kind, &KeptNote::kind));
}

std::size_t Shell::socket_count(SocketKind kind) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(sockets_, [&](const auto& entry) { return entry.first.kind == kind; }));
}

void Shell::step(const Event& event) {
  step_once(event);
  while (!newly_congested_.empty() && !exit_status_) {
    const SocketId socket = newly_congested_.front();
    newly_congested_.pop_front();
    step_once(event::Congested{socket});
  }
}

void Shell::step_once(const Event& event) {
  ++step_count_;
  encoded_.clear();
  encode(event, encoded_);
  if (options_.around_step) options_.around_step(true);
  const std::span<const Effect> effects = machine_.step(now_, event);
  if (options_.around_step) options_.around_step(false);
  for (const Effect& effect : effects) {
    encode(effect, encoded_);
    carry_out(effect);
  }
  for (const SocketId id : touched_) {
    const auto found = sockets_.find(id);
    if (found == sockets_.end()) continue;
    write_out(found->second);
    if (!found->second.unsent.empty() && !found->second.congested &&
        found->second.state == State::open) {
      found->second.congested = true;
      newly_congested_.push_back(id);
    }
    finish_closing(id, found->second);
  }
  touched_.clear();
  trace_.add(now_);
  trace_.add(Bytes(encoded_));
  machine_.check_invariants();
}

void Shell::complain(std::string what) {
  complaints_.push_back(join("step ", step_count_, ": ", what));
}

Instant Shell::next_linger() const {
  Instant next = never;
  for (const auto& [id, socket] : sockets_) next = std::min(next, socket.linger_until);
  return next;
}

}  // namespace pgweir::sim
