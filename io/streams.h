// All byte streams of one loop, accepted and connected: turns readiness into Received, PeerDone,
// Hangup, Drained, Connected and their kin, and carries out what the machine wants of a socket.
//
// Owns every socket from accepted() or connect() until its Closed (or ConnectFailed) was told, the
// one read buffer they share, and what could not be sent yet. An idle socket costs one Stream
// (about 200 bytes) and no buffer.
//
// Bounds: one read a socket and turn of the loop, of limits::read_buffer_size at most; a Stream's
// unsent bytes are bounded by the machine, which hears Congested. Closing takes at most
// limits::close_linger. Nothing is told from within the functions that carry out effects: what
// arises there is owed (io/teller.h).
//
// The steady path of a query costs no system call but its recv and send: the poll mask changes only
// when readiness arrives that nobody wants, when bytes stay unsent, and when the peer has ended.
#pragma once

#include <sys/uio.h>
#include <uv.h>

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/effect.h"
#include "core/event.h"
#include "io/sockets.h"
#include "io/teller.h"

namespace pgweir::io {

class Streams {
 public:
  // The loop and the teller outlive it.
  Streams(uv_loop_t& loop, Teller& teller);
  // Requires: close_all() was called and the loop has run its callbacks.
  ~Streams();
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  // For sockets connected from now on.
  void use(const TcpOptions& options) { tcp_options_ = options; }

  // Numbers an accepted socket and begins to read it. Nothing when the loop cannot take it; the
  // socket is closed then.
  std::optional<ClientHandle> accepted(Descriptor socket);

  // Effects. Those on sockets that have ended find nothing and do nothing.
  void connect(SocketId id, const Endpoint& to);
  void send(SocketId id, std::span<const iovec> pieces);
  void stop_reading(SocketId id);
  void resume_reading(SocketId id);
  void read_size(SocketId id, bool large);
  void close(SocketId id, effect::CloseWhen when);

  // Asked right before an owed event is told: false when its socket was closed meanwhile. A
  // socket's last event gives its slot back.
  bool about_to_tell(const Event& event);

  // The end of the loop: closes everything at once and tells nothing any more.
  void close_all();

  std::size_t size() const { return stream_count_; }

 private:
  struct Stream;
  struct Lingering {
    Stream* stream;
    std::uint64_t deadline_ns;
  };
  struct ClientSlot {
    Stream* stream = nullptr;
    std::uint32_t generation = 0;
  };

  static void on_poll(uv_poll_t* poll, int status, int events);
  static void on_linger_timer(uv_timer_t* timer);

  Stream* find(SocketId id);
  Stream*& place_of(SocketId id);
  Stream* add(SocketId id, Descriptor socket);

  void on_open(Stream& stream, bool trouble, int events);
  void read(Stream& stream);
  void look_without_reading(Stream& stream, int events);
  void finish_connect(Stream& stream);
  void drain(Stream& stream);
  void flush(Stream& stream);
  void write_failed(Stream& stream, Errno error);
  void peer_done(Stream& stream);
  void hang_up(Stream& stream, Reason why);
  void say_goodbye(Stream& stream);
  void finish(Stream& stream);
  void dispose(Stream& stream);
  void watch(Stream& stream);
  void set_linger_timer();

  uv_loop_t& loop_;
  Teller& teller_;
  TcpOptions tcp_options_;
  std::unique_ptr<std::byte[]> read_buffer_;
  std::vector<ClientSlot> clients_;
  std::vector<std::uint32_t> free_client_slots_;
  std::vector<Stream*> servers_;
  std::vector<Stream*> cancels_;
  std::list<Lingering> lingering_;  // by deadline
  uv_timer_t linger_timer_;
  std::size_t stream_count_ = 0;
  bool over_ = false;
};

}  // namespace pgweir::io
