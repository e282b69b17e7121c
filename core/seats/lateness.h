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
    if (now - began_ >= limits::lateness_remembered) {
      before_ = of_late(now);
      since_ = {};
      began_ = now;
    }
    since_ = std::max(since_, std::min<Duration>(late, limits::lateness_max));
  }
  Duration of_late(Instant now) const {
    const Duration age = now - began_;
    if (age >= 2 * limits::lateness_remembered) return {};
    return age >= limits::lateness_remembered ? since_ : std::max(since_, before_);
  }

 private:
  Instant began_{};
  Duration since_{};
  Duration before_{};  // it began
};

}  // namespace pgweir::seats
