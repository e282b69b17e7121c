// When to try again after failures: doubling pauses with jitter, up to server_login_retry.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "core/base/error.h"
#include "core/base/limits.h"
#include "core/base/time.h"

namespace pgweir::pool {

class BackOff {
 public:
  // jitter: 0 to 255, from the vault; it moves the pause by up to a quarter either way.
  void failed(Instant now, Duration longest, std::uint8_t jitter, PgError error, bool permanent) {
    // Attempts that began together fail together: that is one failure, not many.
    if (!failing() || now >= retry_at_) {
      longest = std::max<Duration>(longest, limits::login_retry_first);
      Duration pause = limits::login_retry_first;
      for (std::uint32_t i = 0; i < failures_ && pause < longest; ++i) pause *= 2;
      pause = std::min(pause, longest);
      retry_at_ = after(now, pause * 3 / 4 + pause / 512 * jitter);
      failures_ = std::min(failures_ + 1, 32u);
    }
    error_ = std::move(error);
    permanent_ = permanent;
    ++changes_;
  }
  void succeeded() {
    if (!failing()) return;
    const std::uint32_t changes = changes_ + 1;
    *this = {};
    changes_ = changes;
  }

  bool failing() const { return failures_ > 0; }
  // Waiting cannot help: clients are told at once.
  bool permanent() const { return failing() && permanent_; }
  Instant retry_at() const { return retry_at_; }
  // How often there was something new about it.
  std::uint32_t changes() const { return changes_; }
  // Why it failed last. Requires: failing().
  const PgError& error() const { return *error_; }

 private:
  std::uint32_t failures_ = 0;
  std::uint32_t changes_ = 0;
  Instant retry_at_{};
  std::optional<PgError> error_;
  bool permanent_ = false;
};

}  // namespace pgweir::pool
