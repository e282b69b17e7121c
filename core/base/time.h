// Time as the core knows it: instants it is told, durations it computes. There is no now().
#pragma once

#include <chrono>
#include <cstdint>

namespace pgweir {

using Duration = std::chrono::nanoseconds;

// A clock without now(): nobody in core can ask the time, only receive it with an event.
struct MachineClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MachineClock, duration>;
  static constexpr bool is_steady = true;
};

// Monotonic, counted from an origin the shell chose. Never compared with wall-clock time.
using Instant = MachineClock::time_point;

inline constexpr Instant never = Instant::max();

constexpr std::int64_t microseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

// Saturates instead of wrapping: a deadline beyond the end of time is never.
constexpr Instant after(Instant instant, Duration duration) {
  return duration > never - instant ? never : instant + duration;
}

// Of a time-out, which is off where it is zero.
constexpr Instant deadline_after(Instant from, Duration limit) {
  return limit == Duration::zero() ? never : after(from, limit);
}

}  // namespace pgweir
