#include "io/streams.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/base/assert.h"
#include "core/base/limits.h"

namespace pgweir::io {

namespace {

std::size_t size_of(std::span<const iovec> pieces) {
  std::size_t size = 0;
  for (const iovec& piece : pieces) size += piece.iov_len;
  return size;
}

// What is always told: bytes, the end, urgent bytes; errors and hang-ups come unasked.
constexpr std::uint32_t wanted_news = EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLET;

}  // namespace

// What the socket did not take yet.
struct Streams::Backlog {
  std::vector<std::byte> bytes;
  std::size_t sent = 0;

  void add(std::span<const iovec> pieces, std::size_t skip) {
    // What is sent makes room before the buffer grows.
    if (sent > bytes.size() / 2) {
      bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(sent));
      sent = 0;
    }
    for (const iovec& piece : pieces) {
      const std::size_t skipped = std::min(skip, piece.iov_len);
      skip -= skipped;
      const auto* begin = static_cast<const std::byte*>(piece.iov_base);
      bytes.insert(bytes.end(), begin + skipped, begin + piece.iov_len);
    }
  }
  std::vector<std::byte> rest() && {
    bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(sent));
    return std::move(bytes);
  }
};

enum class Streams::Phase : std::uint8_t {
  connecting,
  open,
  failed,    // ConnectFailed is owed
  hung_up,   // Hangup told or owed; waits for the machine's Close
  flushing,  // the machine has closed it; sends what is left
  parting,   // all sent and shut down; reads away what the peer still says, so that no reset
             // destroys our last bytes on their way
  closed,    // waits for the end of the loop's turn
};

class Streams::Stream final : public Watcher {
 public:
  Stream(Streams& streams, SocketId socket_id) : owner(streams), id(socket_id) {}
  void ready(std::uint32_t news) override { owner.on_news(*this, news); }

  Streams& owner;
  std::unique_ptr<Backlog> backlog;  // null: everything is sent
  std::list<Lingering>::iterator linger;
  Descriptor socket;
  SocketId id;
  Phase phase = Phase::open;
  // Why writing failed while the peer's last bytes are still read, or why it hung up.
  Reason broken = Reason::none;
  bool reading : 1 = true;
  bool large_reads : 1 = true;
  bool readable : 1 = false;   // the kernel may have bytes, the end or an error to read
  bool short_read : 1 = true;  // a read that gets less than it asked for got all there was
  bool gone : 1 = false;       // both directions are over, or failed
  bool peer_done : 1 = false;  // PeerDone is told
  bool writable_wanted : 1 = false;
  bool lingers : 1 = false;  // linger is valid
};

Streams::Streams(Loop& loop, Teller& teller)
    : loop_(loop),
      teller_(teller),
      read_buffer_(std::make_unique_for_overwrite<std::byte[]>(limits::read_buffer_size)) {
  static_assert(sizeof(Stream) <= 96, "ten thousand idle clients are to cost little");
}

Streams::~Streams() { PGWEIR_REQUIRE(stream_count_ == 0, stream_count_); }

std::optional<ClientHandle> Streams::accepted(Descriptor socket) {
  Stream& stream = add_client(std::move(socket));
  if (!stream.socket) {
    forget(stream);
    return std::nullopt;
  }
  return ClientHandle{stream.id.slot, stream.id.generation};
}

MovingSocket Streams::hand_over(SocketId id) {
  Stream* stream = find(id);
  PGWEIR_REQUIRE(stream != nullptr, id.slot, id.generation);
  MovingSocket moving{id.kind, {}, {}};
  moving.broken = stream->broken;
  if (stream->backlog) moving.unsent = std::move(*stream->backlog).rest();
  if (stream->socket) loop_.unwatch(stream->socket.get());
  moving.socket = std::move(stream->socket);
  forget(*stream);
  return moving;
}

ClientHandle Streams::adopt(MovingSocket moving) {
  Stream& stream = add_client(std::move(moving.socket));
  go_on(stream, moving);
  return {stream.id.slot, stream.id.generation};
}

void Streams::take(SocketId id, MovingSocket moving) {
  PGWEIR_REQUIRE(place_of(id) == nullptr, id.slot);
  go_on(*add(id, std::move(moving.socket), false), moving);
}

void Streams::go_on(Stream& stream, const MovingSocket& moved) {
  if (!stream.socket) {
    hang_up(stream, Reason::out_of_descriptors);
  } else if (moved.broken != Reason::none) {
    read_to_the_end(stream, moved.broken);
  } else if (!moved.unsent.empty()) {
    const iovec unsent{const_cast<std::byte*>(moved.unsent.data()), moved.unsent.size()};
    send(stream.id, {&unsent, 1});
  }
}

void Streams::connect(SocketId id, const Endpoint& to) {
  PGWEIR_REQUIRE(id.kind != SocketKind::client && place_of(id) == nullptr, id.slot);
  auto started = connect_to(to, tcp_options_);
  const Reason failure = started ? Reason::none : reason_of(started.error());
  const bool connecting = started && !started->done;
  Stream* stream = add(id, started ? std::move(started->socket) : Descriptor(), connecting);
  if (!started || !stream->socket) {
    stream->phase = Phase::failed;
    teller_.owe(event::ConnectFailed{id, started ? Reason::out_of_descriptors : failure});
    return;
  }
  if (connecting) {
    stream->phase = Phase::connecting;
  } else {
    teller_.owe(event::Connected{id, local_endpoint(stream->socket.get())});
  }
}

void Streams::send(SocketId id, std::span<const iovec> pieces) {
  Stream* stream = find(id);
  if (stream == nullptr || stream->phase != Phase::open || stream->broken != Reason::none) return;
  if (stream->backlog) {
    stream->backlog->add(pieces, 0);
    return;
  }
  const auto written = write_to(stream->socket.get(), pieces);
  if (!written) return write_failed(*stream, written.error());
  if (*written == size_of(pieces)) return;
  stream->backlog = std::make_unique<Backlog>();
  stream->backlog->add(pieces, *written);
  teller_.owe(event::Congested{id});
  want_to_write(*stream, true);
}

void Streams::stop_reading(SocketId id) {
  if (Stream* stream = find(id)) stream->reading = false;
}

void Streams::resume_reading(SocketId id) {
  Stream* stream = find(id);
  if (stream == nullptr || stream->reading) return;
  stream->reading = true;
  if (stream->readable) loop_.again(*stream);
}

void Streams::read_size(SocketId id, bool large) {
  if (Stream* stream = find(id)) stream->large_reads = large;
}

void Streams::close(SocketId id, effect::CloseWhen when, Instant now) {
  Stream* stream = find(id);
  if (stream == nullptr) return;
  place_of(id) = nullptr;
  const bool sendable = stream->phase == Phase::open && stream->broken == Reason::none;
  if (when == effect::CloseWhen::now || !sendable) return finish(*stream);
  lingering_.push_back({stream, after(now, limits::close_linger)});
  stream->linger = std::prev(lingering_.end());
  stream->lingers = true;
  if (stream->backlog) {
    stream->phase = Phase::flushing;
  } else {
    say_goodbye(*stream);
  }
}

bool Streams::about_to_tell(const Event& event) {
  if (const auto* congested = std::get_if<event::Congested>(&event)) {
    const Stream* stream = find(congested->socket);
    return stream != nullptr && stream->backlog != nullptr;
  }
  if (const auto* hangup = std::get_if<event::Hangup>(&event)) return find(hangup->socket);
  if (const auto* connected = std::get_if<event::Connected>(&event)) return find(connected->socket);
  if (const auto* failed = std::get_if<event::ConnectFailed>(&event)) {
    Stream* stream = find(failed->socket);
    if (stream == nullptr) return false;
    place_of(failed->socket) = nullptr;
    dispose(*stream);
    return true;
  }
  if (const auto* closed = std::get_if<event::Closed>(&event)) {
    if (closed->socket.kind == SocketKind::client) {
      free_client_slots_.push_back(closed->socket.slot);
    }
  }
  return true;
}

Instant Streams::linger_due() const { return lingering_.empty() ? never : lingering_.front().due; }

void Streams::end_lingering(Instant now) {
  while (linger_due() <= now) finish(*lingering_.front().stream);
}

void Streams::close_all() {
  const auto close_one = [this](Stream*& stream) {
    if (Stream* closing = std::exchange(stream, nullptr)) dispose(*closing);
  };
  for (ClientSlot& client : clients_) close_one(client.stream);
  for (Stream*& server : servers_) close_one(server);
  for (Stream*& cancel : cancels_) close_one(cancel);
  while (!lingering_.empty()) dispose(*lingering_.front().stream);
}

Streams::Stream* Streams::find(SocketId id) {
  Stream* stream = place_of(id);
  return stream != nullptr && stream->id == id ? stream : nullptr;
}

Streams::Stream*& Streams::place_of(SocketId id) {
  const auto in = [&](std::vector<Stream*>& table) -> Stream*& {
    if (id.slot >= table.size()) table.resize(std::size_t{id.slot} + 1);
    return table[id.slot];
  };
  switch (id.kind) {
    case SocketKind::client:
      PGWEIR_REQUIRE(id.slot < clients_.size(), id.slot);
      return clients_[id.slot].stream;
    case SocketKind::server: return in(servers_);
    case SocketKind::cancel: break;
  }
  return in(cancels_);
}

// A stream whose socket is missing, or that the kernel would not watch, comes back without one.
Streams::Stream* Streams::add(SocketId id, Descriptor socket, bool connecting) {
  auto stream = std::make_unique<Stream>(*this, id);
  stream->writable_wanted = connecting;
  const std::uint32_t events = wanted_news | (connecting ? EPOLLOUT : 0u);
  if (socket && loop_.watch(socket.get(), events, *stream)) stream->socket = std::move(socket);
  ++stream_count_;
  return place_of(id) = stream.release();
}

// Under a number that nobody has had.
Streams::Stream& Streams::add_client(Descriptor socket) {
  if (free_client_slots_.empty()) {
    free_client_slots_.push_back(static_cast<std::uint32_t>(clients_.size()));
    clients_.emplace_back();
  }
  const std::uint32_t slot = free_client_slots_.back();
  free_client_slots_.pop_back();
  std::uint32_t& generation = clients_[slot].generation;
  if (++generation == 0) generation = 1;
  Stream* stream = add({SocketKind::client, slot, generation}, std::move(socket), false);
  stream->large_reads = false;
  return *stream;
}

// Without a Closed.
void Streams::forget(Stream& stream) {
  place_of(stream.id) = nullptr;
  if (stream.id.kind == SocketKind::client) free_client_slots_.push_back(stream.id.slot);
  dispose(stream);
}

void Streams::on_news(Stream& stream, std::uint32_t news) {
  if ((news & ~EPOLLOUT) != 0) stream.readable = true;
  if ((news & ~(EPOLLOUT | EPOLLIN)) != 0) stream.short_read = false;
  if ((news & (EPOLLHUP | EPOLLERR)) != 0) stream.gone = true;
  switch (stream.phase) {
    case Phase::connecting: finish_connect(stream); break;
    case Phase::open: on_open(stream, news); break;
    case Phase::flushing:
      if ((news & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) flush(stream);
      break;
    case Phase::parting: drain(stream); break;
    case Phase::failed:
    case Phase::hung_up:
    case Phase::closed: break;
  }
  teller_.settle();
}

void Streams::on_open(Stream& stream, std::uint32_t news) {
  if ((news & EPOLLOUT) != 0 && stream.backlog) flush(stream);
  if (stream.phase != Phase::open || !stream.readable) return;
  if (stream.reading && !stream.peer_done) {
    read(stream);
  } else if (!stream.short_read) {
    look_without_reading(stream);
  }
}

void Streams::read(Stream& stream) {
  const std::size_t size = stream.large_reads ? limits::read_buffer_size : limits::client_read_size;
  const auto got = read_from(stream.socket.get(), {read_buffer_.get(), size}, ReadMode::take);
  if (!got) {
    stream.readable = false;
    if (got.error() != EAGAIN) return hang_up(stream, reason_of(got.error()));
    if (stream.broken != Reason::none) return hang_up(stream, stream.broken);
    if (stream.gone) hang_up(stream, reason_of(pending_error(stream.socket.get())));
  } else if (*got == 0) {
    peer_done(stream);
  } else {
    keep_turn(stream, *got < size);
    teller_.tell(event::Received{stream.id, Bytes(read_buffer_.get(), *got)});
  }
}

// After a read: there may be more, which comes with no news of its own.
void Streams::keep_turn(Stream& stream, bool got_less) {
  stream.readable = !(got_less && stream.short_read);
  if (stream.readable) loop_.again(stream);
}

// Nobody wants what the peer says now, but an end of the stream behind the last byte and a
// connection that is gone are told all the same.
void Streams::look_without_reading(Stream& stream) {
  bool bytes_wait = false;
  if (!stream.peer_done) {
    std::byte next{};
    const auto got = read_from(stream.socket.get(), {&next, 1}, ReadMode::peek);
    if (got && *got == 0) return peer_done(stream);
    if (!got && got.error() != EAGAIN) return hang_up(stream, reason_of(got.error()));
    bytes_wait = got.has_value();
  }
  if (!stream.gone) return;
  const Errno error = pending_error(stream.socket.get());
  // A server that closed in order: its last bytes are worth more than the news.
  const bool bytes_first = bytes_wait && error == 0 && stream.id.kind != SocketKind::client;
  if (!bytes_first) hang_up(stream, error != 0 ? reason_of(error) : stream.broken);
}

void Streams::finish_connect(Stream& stream) {
  const Errno error = pending_error(stream.socket.get());
  if (error != 0) {
    stream.phase = Phase::failed;
    return teller_.owe(event::ConnectFailed{stream.id, reason_of(error)});
  }
  stream.phase = Phase::open;
  want_to_write(stream, false);
  if (stream.readable) loop_.again(stream);
  teller_.tell(event::Connected{stream.id, local_endpoint(stream.socket.get())});
}

void Streams::drain(Stream& stream) {
  const auto got = read_from(stream.socket.get(), {read_buffer_.get(), limits::read_buffer_size},
                             ReadMode::take);
  if (got ? *got == 0 : got.error() != EAGAIN) return finish(stream);
  if (got) return keep_turn(stream, *got < limits::read_buffer_size);
  stream.readable = false;
}

void Streams::flush(Stream& stream) {
  Backlog& backlog = *stream.backlog;
  const iovec rest{backlog.bytes.data() + backlog.sent, backlog.bytes.size() - backlog.sent};
  const auto written = write_to(stream.socket.get(), {&rest, 1});
  if (!written) return write_failed(stream, written.error());
  backlog.sent += *written;
  if (*written < rest.iov_len) return;
  stream.backlog.reset();
  want_to_write(stream, false);
  if (stream.phase == Phase::flushing) return say_goodbye(stream);
  teller_.tell(event::Drained{stream.id});
}

// The peer's last words may have come before it went; they are worth reading to the end.
void Streams::write_failed(Stream& stream, Errno error) {
  stream.backlog.reset();
  if (stream.phase == Phase::flushing) return finish(stream);
  const bool peer_gone = error == EPIPE || error == ECONNRESET;
  if (!peer_gone || !stream.reading || stream.peer_done) return hang_up(stream, reason_of(error));
  read_to_the_end(stream, reason_of(error));
}

void Streams::read_to_the_end(Stream& stream, Reason why) {
  stream.broken = why;
  stream.short_read = false;
  keep_turn(stream, false);
}

void Streams::peer_done(Stream& stream) {
  if (stream.broken != Reason::none) return hang_up(stream, stream.broken);
  stream.peer_done = true;
  // That it is gone as well may have been news together with its end.
  if (stream.gone) loop_.again(stream);
  teller_.tell(event::PeerDone{stream.id});
}

void Streams::hang_up(Stream& stream, Reason why) {
  stream.phase = Phase::hung_up;
  stream.broken = why;
  stream.backlog.reset();
  teller_.owe(event::Hangup{stream.id, why});
}

void Streams::say_goodbye(Stream& stream) {
  ::shutdown(stream.socket.get(), SHUT_WR);
  if (stream.peer_done) return finish(stream);
  stream.phase = Phase::parting;
  if (stream.readable) loop_.again(stream);
}

void Streams::finish(Stream& stream) {
  const SocketId id = stream.id;
  dispose(stream);
  teller_.owe(event::Closed{id, Reason::none});
}

// Closes the socket now; the memory goes when no news can name it any more.
void Streams::dispose(Stream& stream) {
  if (stream.lingers) lingering_.erase(stream.linger);
  stream.backlog.reset();
  stream.phase = Phase::closed;
  stream.socket.close();
  --stream_count_;
  loop_.retire(std::unique_ptr<Watcher>(&stream));
}

// Whether room to send is news: only when something waits for it, for on unix sockets it is news at
// each read of the peer's.
void Streams::want_to_write(Stream& stream, bool wanted) {
  if (stream.writable_wanted == wanted) return;
  stream.writable_wanted = wanted;
  loop_.change(stream.socket.get(), wanted_news | (wanted ? EPOLLOUT : 0u), stream);
}

}  // namespace pgweir::io
