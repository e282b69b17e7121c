// The simulated network: byte streams between the shell's sockets and whoever stands at their other
// ends. What travels towards a peer is bounded by the pipe's capacity, so that a peer that does not
// read makes the shell wait; what a peer writes waits until the shell reads it. Bytes keep their
// order within a direction and nothing else is promised.
//
// A stream without a network carries everything at once. With one, writes are cut into pieces that
// take their time, and pieces wait, or never come, where the network is broken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/event.h"
#include "sim/clock.h"
#include "sim/tape.h"

namespace pgweir::sim {

// First in, first out.
class ByteQueue {
 public:
  void push(std::string_view bytes);
  std::string_view view() const { return std::string_view(held_).substr(used_); }
  void drop(std::size_t size);
  std::size_t size() const { return held_.size() - used_; }
  bool empty() const { return size() == 0; }
  void clear();

 private:
  std::string held_;
  std::size_t used_ = 0;
};

// Somebody with streams to the shell.
class Peer {
 public:
  virtual ~Peer() = default;
  // Read and answer what there is: some stream of its has news. Never calls the shell back.
  virtual void turn() = 0;
};

class Network;

class Stream {
 public:
  enum class Way : std::uint8_t { to_peer, to_shell };

  // Told when something may have come to the shell's end, or more may be sent from it.
  class Watcher {
   public:
    virtual void stream_changed(SocketId socket) = 0;

   protected:
    ~Watcher() = default;
  };

  // The network outlives the stream.
  explicit Stream(std::size_t capacity, Network* network = nullptr)
      : capacity_(capacity), network_(network) {}

  // The peer's end. It is told of news from now on; null: no more.
  void set_peer(Peer* peer) { peer_ = peer; }
  const Peer* peer() const { return peer_; }
  void write(std::string_view bytes);
  void finish();  // no more will be written
  void reset();   // gone at once; what was on its way is lost
  std::string read();
  void drop_unread();  // has read unread_by_peer()
  bool at_end() const { return to_peer_.ended && to_peer_.arrived_size == 0; }
  // What was written is not read: a peer with manners writes no more.
  bool write_blocked() const { return to_shell_.bytes.size() > capacity_; }
  std::string_view unread_by_peer() const { return to_peer_.arrived(); }

  // The shell's end. send: as many bytes as are taken; says how many.
  void watch(Watcher* watcher, SocketId socket);
  std::size_t send(std::string_view bytes);
  std::string receive(std::size_t size_max);
  std::string_view readable() const { return to_shell_.arrived(); }
  void drop_readable(std::size_t size) { to_shell_.drop(size); }
  std::size_t readable_size() const { return to_shell_.arrived_size; }
  // No more will be sent: the peer hears so behind all that was.
  void say_end();
  // What was unsent when the shell closed.
  enum class Loss : std::uint8_t { none, closed_at_once, lingered };
  void close(Loss loss = Loss::none);
  bool closed() const { return shell_closed_; }
  Loss loss() const { return loss_; }
  bool peer_finished() const { return to_shell_.ended; }
  bool peer_reset() const { return hangup_ != Reason::none; }
  Reason hangup_reason() const { return hangup_; }
  // Bytes that are still on their way, both ways.
  std::size_t flying_size() const { return to_peer_.flying_size() + to_shell_.flying_size(); }

  // Faults, from outside. cut: both ends are told that the other is gone, bytes on their way are
  // lost. go_dark: nothing arrives any more, either way; the shell's kernel gives up after that.
  void cut();
  void go_dark(Duration kernel_gives_up);
  bool dark() const { return dark_; }
  // Pieces wait from now on, or go on.
  void clog(Way way, bool clogged);
  bool clogged() const { return to_peer_.clogged || to_shell_.clogged; }

 private:
  friend class Network;
  struct Pipe {
    ByteQueue bytes;  // those that have arrived, behind them those that are on their way
    std::size_t arrived_size = 0;
    std::vector<std::size_t> flying;  // the sizes of pieces; 0 is the end
    std::size_t late_count = 0;       // pieces whose time came while clogged
    Instant last_arrival{};
    bool clogged = false;
    bool finished = false;  // the end is on its way, behind all bytes
    bool ended = false;     // it has come
    std::size_t flying_size() const { return bytes.size() - arrived_size; }
    std::string_view arrived() const { return bytes.view().substr(0, arrived_size); }
    void drop(std::size_t size);  // of what has arrived
  };

  Pipe& pipe(Way way) { return way == Way::to_peer ? to_peer_ : to_shell_; }
  void push(Way way, std::string_view bytes);
  void end(Way way);
  Instant dispatch(Pipe& pipe, std::size_t size);
  void await_arrivals(Way way, Instant when, std::uint32_t count);
  void arrive(Way way);
  void arrive_end(Way way);
  void lose(Pipe& pipe);
  void tell(Way way);
  void tell_peer();

  std::size_t capacity_;
  Network* network_;
  Peer* peer_ = nullptr;
  Watcher* watcher_ = nullptr;
  SocketId socket_{};
  Pipe to_peer_;
  Pipe to_shell_;
  bool peer_gone_ = false;
  bool shell_closed_ = false;
  Loss loss_ = Loss::none;
  bool dark_ = false;
  bool retry_pending_ = false;
  Reason hangup_ = Reason::none;
  std::uint32_t task_count_ = 0;  // of the clock's, that name this stream
};

// What the weather is like: of a run, drawn once, or changed while it goes on.
struct Weather {
  Duration delay_max{};              // of a piece, usually; some take up to 96 times that
  std::uint32_t split_percent = 0;   // writes that are cut into pieces
  std::uint32_t refuse_percent = 0;  // sends of which the kernel takes only a part
};

// Owns the streams made through it for as long as anything is on its way in them.
class Network {
 public:
  Network(Clock& clock, Tape& tape) : clock_(clock), tape_(tape) {}

  Weather weather;

  std::shared_ptr<Stream> connect(std::size_t capacity);
  // Streams that somebody still holds.
  const std::vector<std::shared_ptr<Stream>>& streams();

  Clock& clock() { return clock_; }
  // No piece takes longer by itself.
  Duration delay_longest() const { return weather.delay_max * (8 * 12); }

 private:
  friend class Stream;
  Duration delay();
  std::size_t piece_of(std::size_t size);

  Clock& clock_;
  Tape& tape_;
  std::vector<std::shared_ptr<Stream>> streams_;
};

// A peer that can be connected to.
class Host : public Peer {
 public:
  enum class Welcome { accept, refuse, never_answer };
  virtual Welcome welcome() const = 0;
  virtual void accepted(std::shared_ptr<Stream> stream) = 0;
};

}  // namespace pgweir::sim
