// One deadline on the monotonic clock, and what to do when it has come. A file descriptor of the
// kernel's instead of a timeout of the wait, which the kernel would set up and take down at each
// one.
//
// Owned by the shell, on its loop's thread.
#pragma once

#include <functional>

#include "core/base/time.h"
#include "io/loop.h"
#include "io/sockets.h"

namespace pgweir::io {

class Alarm final : public Watcher {
 public:
  // The loop outlives it, or makes no turn any more.
  Alarm(Loop& loop, std::function<void()> ring);

  // Rings once, at due or as soon after as the kernel can, in the place of what was set before.
  void set(Instant due);
  void close() { timer_.close(); }

  void ready(std::uint32_t news) override;

 private:
  std::function<void()> ring_;
  Descriptor timer_;
};

}  // namespace pgweir::io
