#include "io/loop.h"

#include <algorithm>
#include <cerrno>

#include "core/base/assert.h"

namespace pgweir::io {

Loop::Loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  PGWEIR_REQUIRE(epoll_ && uv_loop_init(&uv_) == 0, errno);
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  PGWEIR_REQUIRE(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, uv_backend_fd(&uv_), &event) == 0, errno);
}

Loop::~Loop() { PGWEIR_REQUIRE(uv_loop_close(&uv_) == 0); }

bool Loop::watch(int fd, std::uint32_t events, Watcher& watcher) {
  epoll_event event{.events = events, .data = {.ptr = &watcher}};
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void Loop::change(int fd, std::uint32_t events, Watcher& watcher) {
  epoll_event event{.events = events, .data = {.ptr = &watcher}};
  PGWEIR_REQUIRE(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0, errno);
}

void Loop::unwatch(int fd) {
  PGWEIR_REQUIRE(::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr) == 0, errno);
}

void Loop::again(Watcher& watcher) {
  if (watcher.has_turn_) return;
  watcher.has_turn_ = true;
  next_turn_.push_back(&watcher);
}

void Loop::retire(std::unique_ptr<Watcher> watcher) {
  if (watcher->has_turn_) std::erase(next_turn_, watcher.get());
  retired_.push_back(std::move(watcher));
}

void Loop::wait(bool patient) {
  // 0: libuv has something to do that no descriptor tells of. It has timers in tests only.
  const int uv_timeout_ms = uv_loop_alive(&uv_) != 0 ? uv_backend_timeout(&uv_) : -1;
  uv_is_due_ = uv_timeout_ms >= 0;
  const int timeout_ms = patient && !is_busy() ? uv_timeout_ms : 0;
  news_count_ = ::epoll_wait(epoll_.get(), news_.data(), news_max, timeout_ms);
  PGWEIR_REQUIRE(news_count_ >= 0 || errno == EINTR, errno);
}

void Loop::tell() {
  std::swap(this_turn_, next_turn_);
  for (Watcher* watcher : this_turn_) watcher->has_turn_ = false;
  for (int i = 0; i < news_count_; ++i) {
    const epoll_event& news = news_[static_cast<std::size_t>(i)];
    if (auto* watcher = static_cast<Watcher*>(news.data.ptr)) {
      watcher->ready(news.events);
    } else {
      uv_is_due_ = true;
    }
  }
  for (Watcher* watcher : this_turn_) watcher->ready(0);
  this_turn_.clear();
  if (uv_is_due_) uv_run(&uv_, UV_RUN_NOWAIT);
  retired_.clear();
}

}  // namespace pgweir::io
