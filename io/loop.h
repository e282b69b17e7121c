// The loop of one machine's shell. Waits for its own descriptors with an epoll of its own, and for
// what libuv does beside them (signals, DNS, the threads) by libuv's descriptor among them.
//
// Sockets are watched edge-triggered: the kernel tells news once. So a stopped socket costs no
// call, and a ready one is not looked at again by the next wait, as it is by a level-triggered
// epoll (and by uv_poll, which takes five calls more to begin with a socket).
//
// Owns the libuv loop and the watchers given to retire(). A watcher that is watched or waits for
// its turn must not go in another way. On one thread; no watcher is called within another's call.
#pragma once

#include <sys/epoll.h>
#include <uv.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "io/sockets.h"

namespace pgweir::io {

class Watcher {
 public:
  virtual ~Watcher() = default;
  // news: EPOLLIN and the like; 0: the turn that it asked for with Loop::again.
  virtual void ready(std::uint32_t news) = 0;

 private:
  friend class Loop;
  bool has_turn_ = false;
};

class Loop {
 public:
  Loop();
  // Requires: what uses libuv was closed.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  uv_loop_t& uv() { return uv_; }

  // events: epoll's mask, EPOLLET among it or not. False when the kernel has no room for more.
  bool watch(int fd, std::uint32_t events, Watcher& watcher);
  void change(int fd, std::uint32_t events, Watcher& watcher);
  // Closing the descriptor does the same.
  void unwatch(int fd);
  // Calls it in the next turn, which does not wait then.
  void again(Watcher& watcher);
  // Its descriptor is closed. It goes at the end of this turn: news of before may still name it.
  void retire(std::unique_ptr<Watcher> watcher);

  // Whether somebody has asked for a turn, so that wait() would not wait.
  bool is_busy() const { return !next_turn_.empty(); }

  // A turn: waits until there is news (impatient: only looks whether there is), then tells it and
  // gives the turns that were asked for.
  void wait(bool patient = true);
  void tell();

 private:
  static constexpr int news_max = 256;

  Descriptor epoll_;
  uv_loop_t uv_;
  std::array<epoll_event, news_max> news_;
  int news_count_ = 0;
  bool uv_is_due_ = false;
  std::vector<Watcher*> next_turn_;
  std::vector<Watcher*> this_turn_;
  std::vector<std::unique_ptr<Watcher>> retired_;
};

}  // namespace pgweir::io
