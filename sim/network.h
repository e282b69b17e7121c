// The simulated network: a byte stream between the shell's socket and whoever stands at its other
// end. What travels towards a peer is bounded by the pipe's capacity, so that a peer that does not
// read makes the shell wait; what a peer writes waits here until the shell reads it. Bytes keep
// their order within a direction.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace pgweir::sim {

// First in, first out.
class ByteQueue {
 public:
  void push(std::string_view bytes) { held_ += bytes; }
  std::string pop(std::size_t size);
  std::string_view view() const { return std::string_view(held_).substr(used_); }
  void drop(std::size_t size);
  std::size_t size() const { return held_.size() - used_; }
  bool empty() const { return size() == 0; }

 private:
  std::string held_;
  std::size_t used_ = 0;
};

class Stream {
 public:
  explicit Stream(std::size_t capacity) : capacity_(capacity) {}

  // The peer's end.
  void write(std::string_view bytes);
  void finish() { peer_finished_ = true; }  // no more will be written
  void reset();                             // gone at once; what was on its way is lost
  std::string read() { return to_peer_.pop(to_peer_.size()); }
  bool at_end() const { return shell_closed_ && to_peer_.empty(); }

  // The shell's end. send: as many bytes as fit; says how many.
  std::size_t send(std::string_view bytes);
  std::string receive(std::size_t size_max) { return to_shell_.pop(size_max); }
  std::size_t readable_size() const { return to_shell_.size(); }
  void close() { shell_closed_ = true; }
  bool peer_finished() const { return peer_finished_; }
  bool peer_reset() const { return peer_reset_; }

 private:
  std::size_t capacity_;
  ByteQueue to_peer_;
  ByteQueue to_shell_;
  bool peer_finished_ = false;
  bool peer_reset_ = false;
  bool shell_closed_ = false;
};

// Somebody with streams to the shell.
class Peer {
 public:
  virtual ~Peer() = default;
  // Read and answer what there is. Called between steps; never calls the shell back.
  virtual void turn() = 0;
};

// A peer that can be connected to.
class Host : public Peer {
 public:
  enum class Welcome { accept, refuse, never_answer };
  virtual Welcome welcome() const = 0;
  virtual void accepted(std::shared_ptr<Stream> stream) = 0;
};

}  // namespace pgweir::sim
