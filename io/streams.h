// All byte streams of one loop, accepted and connected: turns readiness into Received, PeerDone,
// Hangup, Drained, Connected and their kin, and carries out what the machine wants of a socket.
//
// Owns every socket from accepted(), adopt() or connect() until its Closed (or ConnectFailed) was
// told or it was handed over, the one read buffer they share, and what could not be sent yet. An
// idle socket costs one Stream (under 100 bytes) and no buffer.
//
// Bounds: one read a socket for each news and each turn, of limits::read_buffer_size at most; a
// Stream's unsent bytes are bounded by the machine, which hears Congested. Closing takes at most
// limits::close_linger, if end_lingering() is called when it is due. Nothing is told from within
// the functions that carry out effects: what arises there is owed (io/teller.h).
//
// The steady path of a query costs no system call but its recv and send. News comes once
// (io/loop.h), so a Stream remembers what it has not used of it; the kernel is told of another wish
// only when bytes stay unsent.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/effect.h"
#include "core/event.h"
#include "io/loop.h"
#include "io/sockets.h"
#include "io/teller.h"

namespace pgweir::io {

// A client's or a server's socket on its way from one loop to another: a value, which no loop
// watches.
struct MovingSocket {
  SocketKind kind;
  Descriptor socket;
  std::vector<std::byte> unsent;
  Reason broken = Reason::none;  // why writing has failed, or why it hung up
};

class Streams {
 public:
  // The loop and the teller outlive it.
  Streams(Loop& loop, Teller& teller);
  // Requires: close_all() was called.
  ~Streams();
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  // For sockets connected from now on.
  void use(const TcpOptions& options) { tcp_options_ = options; }

  // Numbers an accepted socket and begins to read it. Nothing when the loop cannot take it; the
  // socket is closed then.
  std::optional<ClientHandle> accepted(Descriptor socket);

  // A socket leaves, with what is unsent: it is told of no more, and its slot is free.
  // Requires: it was not closed.
  MovingSocket hand_over(SocketId id);
  // Numbers a client's socket that comes from another loop, and begins with it as with an accepted
  // one. What happened to it meanwhile is owed, to be told after Adopted.
  ClientHandle adopt(MovingSocket moving);
  // A server's socket that comes from another loop, under a name that is free. The same is owed.
  void take(SocketId id, MovingSocket moving);

  // Effects. Those on sockets that have ended find nothing and do nothing.
  void connect(SocketId id, const Endpoint& to);
  void send(SocketId id, std::span<const iovec> pieces);
  void stop_reading(SocketId id);
  void resume_reading(SocketId id);
  void read_size(SocketId id, bool large);
  void close(SocketId id, effect::CloseWhen when, Instant now);

  // Asked right before an owed event is told: false when its socket was closed meanwhile. A
  // socket's last event gives its slot back.
  bool about_to_tell(const Event& event);

  // When the first socket has lingered long enough; never when none does.
  Instant linger_due() const;
  void end_lingering(Instant now);

  // The end of the loop: closes everything at once and tells nothing any more.
  void close_all();

  std::size_t size() const { return stream_count_; }

 private:
  class Stream;
  struct Backlog;
  enum class Phase : std::uint8_t;
  struct Lingering {
    Stream* stream;
    Instant due;
  };
  struct ClientSlot {
    Stream* stream = nullptr;
    std::uint32_t generation = 0;
  };

  Stream* find(SocketId id);
  Stream*& place_of(SocketId id);
  Stream* add(SocketId id, Descriptor socket, bool connecting);
  Stream& add_client(Descriptor socket);
  void forget(Stream& stream);
  void go_on(Stream& stream, const MovingSocket& moved);

  void on_news(Stream& stream, std::uint32_t news);
  void on_open(Stream& stream, std::uint32_t news);
  void read(Stream& stream);
  void keep_turn(Stream& stream, bool got_less);
  void look_without_reading(Stream& stream);
  void finish_connect(Stream& stream);
  void drain(Stream& stream);
  void flush(Stream& stream);
  void write_failed(Stream& stream, Errno error);
  void read_to_the_end(Stream& stream, Reason why);
  void peer_done(Stream& stream);
  void hang_up(Stream& stream, Reason why);
  void say_goodbye(Stream& stream);
  void finish(Stream& stream);
  void dispose(Stream& stream);
  void want_to_write(Stream& stream, bool wanted);

  Loop& loop_;
  Teller& teller_;
  TcpOptions tcp_options_;
  std::unique_ptr<std::byte[]> read_buffer_;
  std::vector<ClientSlot> clients_;
  std::vector<std::uint32_t> free_client_slots_;
  std::vector<Stream*> servers_;
  std::vector<Stream*> cancels_;
  std::list<Lingering> lingering_;  // the first is due first
  std::size_t stream_count_ = 0;
};

}  // namespace pgweir::io
