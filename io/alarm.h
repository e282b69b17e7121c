// One deadline on the monotonic clock, and what to do when it has come. A file descriptor of the
// kernel's instead of a timer of the loop: a loop without timers waits without a timeout, which
// spares the kernel setting up and taking down a timer at each wait.
//
// Owned by the shell, on its loop's thread. Requires: close() and a turn of the loop before its
// end.
#pragma once

#include <uv.h>

#include <functional>

#include "core/base/time.h"
#include "io/sockets.h"

namespace pgweir::io {

class Alarm {
 public:
  Alarm(uv_loop_t& loop, std::function<void()> ring);
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  // Rings once, at due or as soon after as the kernel can, in the place of what was set before.
  void set(Instant due);
  void close();

 private:
  static void on_poll(uv_poll_t* poll, int status, int events);

  std::function<void()> ring_;
  Descriptor timer_;
  uv_poll_t poll_;
};

}  // namespace pgweir::io
