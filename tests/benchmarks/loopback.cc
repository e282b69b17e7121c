#include "tests/benchmarks/loopback.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace pgweir::benchmarks {

void fail(const char* what) {
  std::fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, std::strerror(errno));
  std::exit(1);
}

bool must_wait() { return errno == EAGAIN || errno == EINTR; }

sockaddr_in endpoint(const char* address, std::string_view port) {
  sockaddr_in endpoint{};
  endpoint.sin_family = AF_INET;
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size() ||
      inet_pton(AF_INET, address, &endpoint.sin_addr) != 1) {
    std::fprintf(stderr, "%s: not an IPv4 address and a port\n", program_invocation_short_name);
    std::exit(2);
  }
  endpoint.sin_port = htons(number);
  return endpoint;
}

int listen_at(const sockaddr_in& where) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
      setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0 ||
      bind(listener, reinterpret_cast<const sockaddr*>(&where), sizeof where) < 0 ||
      listen(listener, SOMAXCONN) < 0) {
    fail("listen");
  }
  return listener;
}

int connect_to(const sockaddr_in& where) {
  const int connected = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connected < 0) fail("socket");
  if (connect(connected, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0) {
    return connected;
  }
  const int error = errno;
  close(connected);
  errno = error;
  return -1;
}

void send_without_delay(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void watch(int epoll, int operation, int socket, std::uint32_t events, void* tag) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = tag;
  if (epoll_ctl(epoll, operation, socket, &event) < 0) fail("epoll_ctl");
}

}  // namespace pgweir::benchmarks
