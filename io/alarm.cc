#include "io/alarm.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "core/base/assert.h"

namespace pgweir::io {

Alarm::Alarm(uv_loop_t& loop, std::function<void()> ring)
    : ring_(std::move(ring)),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  PGWEIR_REQUIRE(timer_ && uv_poll_init(&loop, &poll_, timer_.get()) == 0);
  poll_.data = this;
  PGWEIR_REQUIRE(uv_poll_start(&poll_, UV_READABLE, on_poll) == 0);
}

void Alarm::set(Instant due) {
  // A zero would disarm it.
  const std::int64_t ns = std::max<std::int64_t>(due.time_since_epoch().count(), 1);
  itimerspec when{};
  when.it_value.tv_sec = ns / 1'000'000'000;
  when.it_value.tv_nsec = ns % 1'000'000'000;
  PGWEIR_REQUIRE(::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr) == 0, ns);
}

void Alarm::close() {
  uv_poll_stop(&poll_);
  timer_.close();
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_), nullptr);
}

void Alarm::on_poll(uv_poll_t* poll, int, int) {
  auto& self = *static_cast<Alarm*>(poll->data);
  std::uint64_t times = 0;
  // Nothing to read when it was set anew in the same turn.
  if (::read(self.timer_.get(), &times, sizeof times) == sizeof times) self.ring_();
}

}  // namespace pgweir::io
