// A bare forwarder that looks at nothing: the floor for what any proxy costs.
//
//   forwarder LISTEN_PORT TARGET_ADDRESS TARGET_PORT
//
// It accepts on 127.0.0.1, opens one connection to the target (an IPv4 address) for each client,
// and copies bytes both ways until either end closes. One thread, level-triggered epoll; a message
// costs one recv and one send. While a receiver does not take its bytes its sender is not read, so
// a direction holds at most one buffer.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

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

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

bool must_wait() { return errno == EAGAIN || errno == EINTR; }

class Forwarder {
 public:
  Forwarder(int listener, const sockaddr_in& target)
      : listener_(listener), target_(target), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) fail("forwarder: epoll_create1");
    watch(EPOLL_CTL_ADD, listener_, EPOLLIN, nullptr);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, events_max> events;
    while (true) {
      const int count = epoll_wait(epoll_, events.data(), events_max, -1);
      if (count < 0 && errno != EINTR) fail("forwarder: epoll_wait");
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
  void watch(int operation, int socket, std::uint32_t events, End* end) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = end;
    if (epoll_ctl(epoll_, operation, socket, &event) < 0) fail("forwarder: epoll_ctl");
  }

  // Connects blocking: the target is on this host, and answers at once or not at all.
  void open_pair() {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    const int target = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (target < 0) fail("forwarder: socket");
    if (connect(target, reinterpret_cast<const sockaddr*>(&target_), sizeof target_) < 0) {
      std::perror("forwarder: connect to the target");
      close(client);
      close(target);
      return;
    }
    auto* pair = new Pair;
    pair->client = {.pair = pair, .peer = &pair->target, .socket = client, .unsent = {}};
    pair->target = {.pair = pair, .peer = &pair->client, .socket = target, .unsent = {}};
    for (End* end : {&pair->client, &pair->target}) {
      const int on = 1;
      setsockopt(end->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      watch(EPOLL_CTL_ADD, end->socket, EPOLLIN, end);
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
    watch(EPOLL_CTL_MOD, end.socket, reading | writing, &end);
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

sockaddr_in endpoint(const char* address, std::string_view port) {
  sockaddr_in endpoint{};
  endpoint.sin_family = AF_INET;
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size() ||
      inet_pton(AF_INET, address, &endpoint.sin_addr) != 1) {
    std::fputs("forwarder: not an IPv4 address and a port\n", stderr);
    std::exit(2);
  }
  endpoint.sin_port = htons(number);
  return endpoint;
}

int listen_at(const sockaddr_in& where) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
      bind(listener, reinterpret_cast<const sockaddr*>(&where), sizeof where) < 0 ||
      listen(listener, SOMAXCONN) < 0) {
    fail("forwarder: listen");
  }
  return listener;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: forwarder LISTEN_PORT TARGET_ADDRESS TARGET_PORT\n", stderr);
    return 2;
  }
  const sockaddr_in target = endpoint(argv[2], argv[3]);
  Forwarder(listen_at(endpoint("127.0.0.1", argv[1])), target).run();
}
