// What one step has to say so far: its effects in order, and the memory their bytes live in. Owned
// by the machine; emptied when the next step begins.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/arena.h"
#include "core/effect.h"

namespace pgweir::session {

class Output {
 public:
  void reset() {
    effects_.clear();
    arena_.reset();
  }

  template <class E>
  void add(const E& effect) {
    effects_.emplace_back(effect);
  }

  // The bytes outlive the step: the event's, the arena's or a state's.
  void send(SocketId socket, Bytes bytes) {
    if (!bytes.empty()) effects_.emplace_back(effect::Send{socket, bytes});
  }
  // Copies a message that was made up.
  void send_copy(SocketId socket, std::string_view message) {
    send(socket, bytes_of(arena_.copy(message)));
  }

  // A text to build messages in, empty. Requires: no two are used at once.
  std::string& scratch() {
    scratch_.clear();
    return scratch_;
  }

  Arena& arena() { return arena_; }
  std::span<const Effect> effects() const { return effects_; }

 private:
  std::vector<Effect> effects_;
  Arena arena_;
  std::string scratch_;
};

// Joins pieces that lie next to each other into one Send: 500 rows of a chunk are one effect.
class Run {
 public:
  Run(Output& out, SocketId to) : out_(out), to_(to) {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() { flush(); }

  void add(Bytes piece) {
    if (pending_.data() + pending_.size() == piece.data()) {
      pending_ = {pending_.data(), pending_.size() + piece.size()};
    } else {
      if (!pending_.empty()) flush();
      pending_ = piece;
    }
  }
  void flush() {
    out_.send(to_, pending_);
    pending_ = {};
  }

 private:
  Output& out_;
  SocketId to_;
  Bytes pending_;
};

}  // namespace pgweir::session
