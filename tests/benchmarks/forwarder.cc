// A bare forwarder that looks at nothing: the floor for what any proxy costs.
//
//   forwarder LISTEN_PORT TARGET_ADDRESS TARGET_PORT [THREADS]
//
// It accepts on 127.0.0.1, opens one connection to the target (an IPv4 address) for each client,
// and copies bytes both ways until either end closes. Level-triggered epoll; a message costs one
// recv and one send. While a receiver does not take its bytes its sender is not read, so a
// direction holds at most one buffer.
//
// Each thread is a forwarder of its own, of one at least: they share the port they listen at, and
// nothing else. Which of them a client comes to is the kernel's draw.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/benchmarks/loopback.h"

namespace pgweir::benchmarks {
namespace {

constexpr std::size_t buffer_size = 64 * 1024;
constexpr int events_max = 64;

struct Pair;

// One end of a pair. unsent: bytes for it that it did not take; its peer is not read meanwhile.
struct End {
  Pair* pair = nullptr;
  End* peer = nullptr;
  int socket = -1;
  std::vector<std::byte> unsent;
};

struct Pair {
  End client;
  End target;
  bool closed = false;
};

class Forwarder {
 public:
  Forwarder(int listener, const sockaddr_in& target)
      : listener_(listener), target_(target), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) fail("epoll_create1");
    watch(epoll_, EPOLL_CTL_ADD, listener_, EPOLLIN, nullptr);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, events_max> events;
    while (true) {
      const int count = epoll_wait(epoll_, events.data(), events_max, -1);
      if (count < 0 && errno != EINTR) fail("epoll_wait");
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        if (event.data.ptr == nullptr) {
          open_pair();
        } else {
          serve(*static_cast<End*>(event.data.ptr), event.events);
        }
      }
      // Not earlier: a later event of the same batch may name them.
      closed_.clear();
    }
  }

 private:
  // Connects blocking: the target is on this host, and answers at once or not at all.
  void open_pair() {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    const int target = connect_to(target_);
    if (target < 0) {
      std::perror("forwarder: connect to the target");
      close(client);
      return;
    }
    auto* pair = new Pair;
    pair->client = {.pair = pair, .peer = &pair->target, .socket = client, .unsent = {}};
    pair->target = {.pair = pair, .peer = &pair->client, .socket = target, .unsent = {}};
    for (End* end : {&pair->client, &pair->target}) {
      send_without_delay(end->socket);
      watch(epoll_, EPOLL_CTL_ADD, end->socket, EPOLLIN, end);
    }
  }

  void serve(End& end, std::uint32_t events) {
    if (end.pair->closed) return;
    if ((events & EPOLLOUT) != 0) {
      send_unsent(end);
    } else if (end.peer->unsent.empty()) {
      copy(end, *end.peer);
    } else {
      // Not read now, and it has an event all the same: an error or a hangup.
      close_pair(*end.pair);
    }
  }

  void copy(End& from, End& to) {
    const ssize_t got = recv(from.socket, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && must_wait()) return;
    if (got <= 0) return close_pair(*from.pair);
    const std::span<const std::byte> bytes(buffer_.data(), static_cast<std::size_t>(got));
    const std::size_t sent = send_some(to, bytes);
    if (sent == bytes.size() || to.pair->closed) return;
    to.unsent.assign(bytes.begin() + static_cast<std::ptrdiff_t>(sent), bytes.end());
    rewatch(from);
    rewatch(to);
  }

  void send_unsent(End& to) {
    const std::size_t sent = send_some(to, to.unsent);
    if (to.pair->closed) return;
    to.unsent.erase(to.unsent.begin(), to.unsent.begin() + static_cast<std::ptrdiff_t>(sent));
    if (!to.unsent.empty()) return;
    to.unsent.shrink_to_fit();
    rewatch(*to.peer);
    rewatch(to);
  }

  // How many bytes it took; closes the pair when it never will.
  std::size_t send_some(End& to, std::span<const std::byte> bytes) {
    const ssize_t sent = send(to.socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (!must_wait()) close_pair(*to.pair);
    return 0;
  }

  // Read while the peer takes what it is sent; told when it can take more while something waits.
  void rewatch(End& end) {
    const std::uint32_t reading = end.peer->unsent.empty() ? EPOLLIN : 0u;
    const std::uint32_t writing = end.unsent.empty() ? 0u : EPOLLOUT;
    watch(epoll_, EPOLL_CTL_MOD, end.socket, reading | writing, &end);
  }

  void close_pair(Pair& pair) {
    pair.closed = true;
    close(pair.client.socket);
    close(pair.target.socket);
    closed_.emplace_back(&pair);
  }

  int listener_;
  sockaddr_in target_;
  int epoll_;
  std::array<std::byte, buffer_size> buffer_{};
  std::vector<std::unique_ptr<Pair>> closed_;
};

// 0: not a number of threads.
std::size_t thread_count(std::string_view text) {
  std::size_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  return error == std::errc{} && end == text.data() + text.size() ? count : 0;
}

[[noreturn]] void forward(const sockaddr_in& at, const sockaddr_in& target, std::size_t threads) {
  // All listen before the first serves: who finds one of them finds all.
  std::vector<int> listeners(threads);
  for (int& listener : listeners) listener = listen_at(at);
  for (std::size_t i = 1; i < threads; ++i) {
    std::thread([&target, listener = listeners[i]] { Forwarder(listener, target).run(); }).detach();
  }
  Forwarder(listeners[0], target).run();
}

}  // namespace
}  // namespace pgweir::benchmarks

int main(int argc, char** argv) {
  using namespace pgweir::benchmarks;
  const std::size_t threads = argc == 5 ? thread_count(argv[4]) : 1;
  if (argc < 4 || argc > 5 || threads == 0) {
    std::fputs("usage: forwarder LISTEN_PORT TARGET_ADDRESS TARGET_PORT [THREADS]\n", stderr);
    return 2;
  }
  forward(endpoint("127.0.0.1", argv[1]), endpoint(argv[2], argv[3]), threads);
}
