#include "io/streams.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/base/assert.h"
#include "core/base/limits.h"

namespace pgweir::io {

namespace {

// What the socket did not take yet.
struct Backlog {
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
};

std::size_t size_of(std::span<const iovec> pieces) {
  std::size_t size = 0;
  for (const iovec& piece : pieces) size += piece.iov_len;
  return size;
}

enum class Phase : std::uint8_t {
  connecting,
  open,
  failed,    // ConnectFailed is owed
  hung_up,   // Hangup told or owed; waits for the machine's Close
  flushing,  // the machine has closed it; sends what is left
  parting,   // all sent and shut down; reads away what the peer still says, so that no reset
             // destroys our last bytes on their way
  closed,    // waits for libuv to let go of it
};

}  // namespace

struct Streams::Stream {
  uv_poll_t poll;
  std::unique_ptr<Backlog> backlog;  // null: everything is sent
  std::list<Lingering>::iterator linger;
  Descriptor socket;
  SocketId id;
  Phase phase = Phase::open;
  std::uint8_t polled = 0;       // the mask libuv has
  Reason broken = Reason::none;  // why writing failed while the peer's last bytes are still read
  bool reading : 1 = true;
  bool large_reads : 1 = true;
  bool peer_done : 1 = false;  // PeerDone is told
  bool end_seen : 1 = false;   // the peer has ended, behind bytes that nobody reads now
  bool deaf : 1 = false;       // urgent data, or an end that must wait: listens to nothing
  bool lingers : 1 = false;    // linger is valid
};

Streams::Streams(uv_loop_t& loop, Teller& teller)
    : loop_(loop),
      teller_(teller),
      read_buffer_(std::make_unique_for_overwrite<std::byte[]>(limits::read_buffer_size)) {
  static_assert(sizeof(Stream) <= 256, "ten thousand idle clients are to cost little");
  PGWEIR_REQUIRE(uv_timer_init(&loop_, &linger_timer_) == 0);
  linger_timer_.data = this;
  loop_.data = this;
}

Streams::~Streams() { PGWEIR_REQUIRE(stream_count_ == 0, stream_count_); }

std::optional<ClientHandle> Streams::accepted(Descriptor socket) {
  if (free_client_slots_.empty()) {
    free_client_slots_.push_back(static_cast<std::uint32_t>(clients_.size()));
    clients_.emplace_back();
  }
  const std::uint32_t slot = free_client_slots_.back();
  ClientSlot& place = clients_[slot];
  if (++place.generation == 0) place.generation = 1;
  const ClientHandle client{slot, place.generation};
  Stream* stream = add(socket_of(client), std::move(socket));
  if (stream == nullptr) return std::nullopt;
  free_client_slots_.pop_back();
  stream->large_reads = false;
  watch(*stream);
  return client;
}

void Streams::connect(SocketId id, const Endpoint& to) {
  PGWEIR_REQUIRE(id.kind != SocketKind::client && place_of(id) == nullptr, id.slot);
  auto started = connect_to(to, tcp_options_);
  const Reason failure = started ? Reason::none : reason_of(started.error());
  Stream* stream = add(id, started ? std::move(started->socket) : Descriptor());
  if (!started || !stream->socket) {
    stream->phase = Phase::failed;
    teller_.owe(event::ConnectFailed{id, started ? Reason::out_of_descriptors : failure});
    return;
  }
  if (started->done) {
    teller_.owe(event::Connected{id, local_endpoint(stream->socket.get())});
  } else {
    stream->phase = Phase::connecting;
  }
  watch(*stream);
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
  watch(*stream);
}

void Streams::stop_reading(SocketId id) {
  if (Stream* stream = find(id)) stream->reading = false;
}

void Streams::resume_reading(SocketId id) {
  Stream* stream = find(id);
  if (stream == nullptr || stream->reading) return;
  stream->reading = true;
  stream->deaf = false;
  watch(*stream);
}

void Streams::read_size(SocketId id, bool large) {
  if (Stream* stream = find(id)) stream->large_reads = large;
}

void Streams::close(SocketId id, effect::CloseWhen when) {
  Stream* stream = find(id);
  if (stream == nullptr) return;
  place_of(id) = nullptr;
  const bool sendable = stream->phase == Phase::open && stream->broken == Reason::none;
  if (when == effect::CloseWhen::now || !sendable) return finish(*stream);
  lingering_.push_back(
      {stream, uv_hrtime() + static_cast<std::uint64_t>(limits::close_linger.count())});
  stream->linger = std::prev(lingering_.end());
  stream->lingers = true;
  if (lingering_.size() == 1) set_linger_timer();
  if (stream->backlog) {
    stream->phase = Phase::flushing;
    watch(*stream);
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

void Streams::close_all() {
  over_ = true;
  const auto close_one = [this](Stream*& stream) {
    if (Stream* closing = std::exchange(stream, nullptr)) dispose(*closing);
  };
  for (ClientSlot& client : clients_) close_one(client.stream);
  for (Stream*& server : servers_) close_one(server);
  for (Stream*& cancel : cancels_) close_one(cancel);
  while (!lingering_.empty()) dispose(*lingering_.front().stream);
  uv_close(reinterpret_cast<uv_handle_t*>(&linger_timer_), nullptr);
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

// A stream whose socket is missing, or that libuv would not take, comes back without a socket; an
// accepted one does not come back then.
Streams::Stream* Streams::add(SocketId id, Descriptor socket) {
  auto stream = std::make_unique<Stream>();
  stream->id = id;
  if (socket && uv_poll_init(&loop_, &stream->poll, socket.get()) == 0) {
    stream->socket = std::move(socket);
    stream->poll.data = stream.get();
  } else if (id.kind == SocketKind::client) {
    return nullptr;
  }
  ++stream_count_;
  return place_of(id) = stream.release();
}

void Streams::on_poll(uv_poll_t* poll, int status, int events) {
  Streams& self = *static_cast<Streams*>(poll->loop->data);
  Stream& stream = *static_cast<Stream*>(poll->data);
  // libuv has stopped polling then: the socket has an error.
  const bool trouble = status < 0;
  if (trouble) stream.polled = 0;
  switch (stream.phase) {
    case Phase::connecting: self.finish_connect(stream); break;
    case Phase::open: self.on_open(stream, trouble, events); break;
    case Phase::flushing: self.flush(stream); break;
    case Phase::parting: self.drain(stream); break;
    case Phase::failed:
    case Phase::hung_up:
    case Phase::closed: break;
  }
  self.teller_.settle();
}

void Streams::on_open(Stream& stream, bool trouble, int events) {
  if ((events & UV_WRITABLE) != 0 && stream.backlog) flush(stream);
  if (stream.phase != Phase::open || (!trouble && (events & ~UV_WRITABLE) == 0)) return;
  if (stream.reading && !stream.peer_done) {
    read(stream);
  } else {
    look_without_reading(stream, events);
  }
  if (trouble && stream.phase == Phase::open) watch(stream);
}

void Streams::read(Stream& stream) {
  const std::size_t size = stream.large_reads ? limits::read_buffer_size : limits::client_read_size;
  const auto got = read_from(stream.socket.get(), {read_buffer_.get(), size}, ReadMode::take);
  if (!got) {
    if (got.error() != EAGAIN) hang_up(stream, reason_of(got.error()));
  } else if (*got == 0) {
    peer_done(stream);
  } else {
    teller_.tell(event::Received{stream.id, Bytes(read_buffer_.get(), *got)});
  }
}

// Nobody wants what the peer says now, but an end of the stream behind the last byte and a
// connection that is gone are told all the same.
void Streams::look_without_reading(Stream& stream, int events) {
  bool bytes_wait = false;
  if (!stream.peer_done) {
    std::byte next{};
    const auto got = read_from(stream.socket.get(), {&next, 1}, ReadMode::peek);
    if (got && *got == 0) return peer_done(stream);
    if (!got && got.error() != EAGAIN) return hang_up(stream, reason_of(got.error()));
    bytes_wait = got.has_value();
    if ((events & UV_DISCONNECT) != 0) stream.end_seen = true;
  }
  if (hung_up(stream.socket.get())) {
    const Errno error = pending_error(stream.socket.get());
    // A server that closed in order: its last bytes are worth more than the news.
    const bool bytes_first = bytes_wait && error == 0 && stream.id.kind != SocketKind::client;
    if (!bytes_first) return hang_up(stream, error != 0 ? reason_of(error) : stream.broken);
    stream.deaf = true;
  } else if ((events & UV_PRIORITIZED) != 0) {
    stream.deaf = true;
  }
  watch(stream);
}

void Streams::finish_connect(Stream& stream) {
  const Errno error = pending_error(stream.socket.get());
  if (error != 0) {
    stream.phase = Phase::failed;
    watch(stream);
    return teller_.owe(event::ConnectFailed{stream.id, reason_of(error)});
  }
  stream.phase = Phase::open;
  watch(stream);
  teller_.tell(event::Connected{stream.id, local_endpoint(stream.socket.get())});
}

void Streams::drain(Stream& stream) {
  const auto got = read_from(stream.socket.get(), {read_buffer_.get(), limits::read_buffer_size},
                             ReadMode::take);
  const bool more = got ? *got > 0 : got.error() == EAGAIN;
  if (!more) return finish(stream);
  watch(stream);
}

void Streams::flush(Stream& stream) {
  Backlog& backlog = *stream.backlog;
  const iovec rest{backlog.bytes.data() + backlog.sent, backlog.bytes.size() - backlog.sent};
  const auto written = write_to(stream.socket.get(), {&rest, 1});
  if (!written) return write_failed(stream, written.error());
  backlog.sent += *written;
  if (*written < rest.iov_len) return watch(stream);
  stream.backlog.reset();
  if (stream.phase == Phase::flushing) return say_goodbye(stream);
  watch(stream);
  teller_.tell(event::Drained{stream.id});
}

// The peer's last words may have come before it went; they are worth reading to the end.
void Streams::write_failed(Stream& stream, Errno error) {
  stream.backlog.reset();
  if (stream.phase == Phase::flushing) return finish(stream);
  const bool peer_gone = error == EPIPE || error == ECONNRESET;
  if (peer_gone && stream.reading && !stream.peer_done) {
    stream.broken = reason_of(error);
    return watch(stream);
  }
  hang_up(stream, reason_of(error));
}

void Streams::peer_done(Stream& stream) {
  if (stream.broken != Reason::none) return hang_up(stream, stream.broken);
  stream.peer_done = true;
  watch(stream);
  teller_.tell(event::PeerDone{stream.id});
}

void Streams::hang_up(Stream& stream, Reason why) {
  stream.phase = Phase::hung_up;
  stream.backlog.reset();
  watch(stream);
  teller_.owe(event::Hangup{stream.id, why});
}

void Streams::say_goodbye(Stream& stream) {
  ::shutdown(stream.socket.get(), SHUT_WR);
  if (stream.peer_done) return finish(stream);
  stream.phase = Phase::parting;
  watch(stream);
}

void Streams::finish(Stream& stream) {
  const SocketId id = stream.id;
  dispose(stream);
  teller_.owe(event::Closed{id, Reason::none});
}

// Closes the socket now; the memory goes when libuv has let go of it.
void Streams::dispose(Stream& stream) {
  if (stream.lingers) lingering_.erase(stream.linger);
  stream.lingers = false;
  stream.backlog.reset();
  stream.phase = Phase::closed;
  --stream_count_;
  if (!stream.socket) {
    delete &stream;
    return;
  }
  uv_close(reinterpret_cast<uv_handle_t*>(&stream.poll),
           [](uv_handle_t* poll) { delete static_cast<Stream*>(poll->data); });
  stream.socket.close();
}

// Brings libuv's mask in line with what is to be noticed now.
void Streams::watch(Stream& stream) {
  int mask = 0;
  switch (stream.phase) {
    case Phase::connecting:
    case Phase::flushing: mask = UV_WRITABLE; break;
    case Phase::parting: mask = UV_READABLE; break;
    case Phase::open:
      // A mask of UV_PRIORITIZED hears of errors and hang-ups, and not again of an end it knows.
      if (stream.reading && !stream.peer_done) {
        mask = UV_READABLE;
      } else if (!stream.deaf) {
        mask = stream.peer_done || stream.end_seen ? UV_PRIORITIZED : UV_DISCONNECT;
      }
      if (stream.backlog) mask |= UV_WRITABLE;
      break;
    case Phase::failed:
    case Phase::hung_up:
    case Phase::closed: break;
  }
  if (mask == stream.polled) return;
  stream.polled = static_cast<std::uint8_t>(mask);
  const int status =
      mask == 0 ? uv_poll_stop(&stream.poll) : uv_poll_start(&stream.poll, mask, on_poll);
  PGWEIR_REQUIRE(status == 0, status, mask);
}

void Streams::set_linger_timer() {
  if (lingering_.empty()) return;
  const std::uint64_t now = uv_hrtime();
  const std::uint64_t due = lingering_.front().deadline_ns;
  const std::uint64_t wait_ms = due > now ? (due - now) / 1'000'000 + 1 : 0;
  uv_update_time(&loop_);
  uv_timer_start(&linger_timer_, on_linger_timer, wait_ms, 0);
}

void Streams::on_linger_timer(uv_timer_t* timer) {
  Streams& self = *static_cast<Streams*>(timer->data);
  const std::uint64_t now = uv_hrtime();
  while (!self.lingering_.empty() && self.lingering_.front().deadline_ns <= now) {
    self.finish(*self.lingering_.front().stream);
  }
  self.set_linger_timer();
  self.teller_.settle();
}

}  // namespace pgweir::io
