// How late a machine's loop comes: what was to happen at a moment happened so much later. It sees
// the world no finer than that, and nor do the others see it.
//
// The most of the last limits::lateness_remembered, and of up to as long before it.
#pragma once

#include <algorithm>

#include "core/base/limits.h"
#include "core/base/time.h"

namespace pgweir::seats {

class Lateness {
 public:
  void note(Instant now, Duration late) {
    turn_over(now);
    now_ = std::max(now_, std::min<Duration>(late, limits::lateness_max));
  }
  Duration of_late(Instant now) {
    turn_over(now);
    return std::max(now_, before_);
  }

 private:
  void turn_over(Instant now) {
    const Duration since = now - began_;
    if (since < limits::lateness_remembered) return;
    before_ = since < 2 * limits::lateness_remembered ? now_ : Duration{};
    now_ = {};
    began_ = now;
  }

  Instant began_{};
  Duration now_{};
  Duration before_{};
};

}  // namespace pgweir::seats
