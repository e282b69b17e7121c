#include "core/pool/host.h"

#include <algorithm>

#include "core/base/limits.h"

namespace pgweir::pool {

namespace {

constexpr Duration window = std::chrono::seconds(1);

}  // namespace

bool Host::may_connect(Instant now) const {
  if (back_off.failing()) return connecting == 0 && now >= back_off.retry_at();  // one probe
  if (full()) return false;
  return now - window_at >= window || window_connects < limits::host_connects_per_second;
}

bool Host::full() const { return connecting >= limits::host_connecting_max; }

Instant Host::retry_at(Instant now) const {
  if (back_off.failing()) return std::max(back_off.retry_at(), now);
  return std::max(after(window_at, window), now);
}

void Host::connect_begins(Instant now) {
  ++connecting;
  probing = back_off.failing();
  if (now - window_at >= window) {
    window_at = now;
    window_connects = 0;
  }
  ++window_connects;
}

void Host::reached() {
  if (back_off.failing() && !probing) return;
  rounds_failed = 0;
  back_off.succeeded();
}

void Host::unreachable(Instant now, Duration longest, std::uint8_t jitter, const PgError& error) {
  ++next_address;
  if (++rounds_failed < addresses.size() && !back_off.failing()) return;
  back_off.failed(now, longest, jitter, error, false);
}

}  // namespace pgweir::pool
