// Stream sockets, one system call a function: made, bound, accepted, connected, written to. All are
// non-blocking and close-on-exec. What goes wrong comes back as an errno value; reason_of says what
// the machine is told.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "core/config/settings.h"
#include "core/event.h"

namespace pgweir::io {

// A file descriptor and the duty to close it.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void close();

 private:
  int fd_ = -1;
};

using Errno = int;

Reason reason_of(Errno error);

// How long a silent or vanished peer is believed in (settings tcp_keepalive and following).
struct TcpOptions {
  bool keepalive = true;
  int keepidle_s = 0;
  int keepintvl_s = 0;
  int keepcnt = 0;
  int user_timeout_ms = 0;
};
TcpOptions tcp_options(const Settings& settings);

// TCP_NODELAY and the options. On a listening socket: for all that it accepts from then on, which
// Linux lets inherit, so that accepting costs no calls for it.
void apply(int fd, const TcpOptions& options);

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

// Nothing when a unix socket's path is longer than the kernel allows (107 bytes).
std::optional<SocketAddress> address_of(const Endpoint& endpoint);
// The path of a unix socket stays behind.
Endpoint endpoint_of(const sockaddr& address);
Endpoint local_endpoint(int fd);

struct Accepting {
  Descriptor socket;
  SocketAddress peer;
};
std::expected<Accepting, Errno> accept_from(int listening_fd);

// The user at the other end of a unix socket.
std::optional<std::uint32_t> peer_uid(int fd);

struct Connecting {
  Descriptor socket;
  bool done;  // else: wait until it is writable, then ask pending_error
};
std::expected<Connecting, Errno> connect_to(const Endpoint& to, const TcpOptions& options);

// SO_ERROR, which is cleared by being read. 0: none.
Errno pending_error(int fd);

// Never raises SIGPIPE. As many bytes as the kernel took; EAGAIN counts as 0.
std::expected<std::size_t, Errno> write_to(int fd, std::span<const iovec> pieces);

enum class ReadMode : std::uint8_t { take, peek };
// 0: end of file. EAGAIN is an error like the others.
std::expected<std::size_t, Errno> read_from(int fd, std::span<std::byte> into, ReadMode mode);

}  // namespace pgweir::io
