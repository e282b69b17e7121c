#include "io/sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace pgweir::io {

namespace {

void set_option(int fd, int level, int name, int value) {
  // Failing costs a convenience (a later notice of a dead peer), never correctness.
  (void)::setsockopt(fd, level, name, &value, sizeof value);
}

template <class Address>
const Address& as(const sockaddr& address) {
  return reinterpret_cast<const Address&>(address);
}
template <class Address>
Address& as(SocketAddress& address) {
  address.size = sizeof(Address);
  return reinterpret_cast<Address&>(address.storage);
}

}  // namespace

void Descriptor::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Reason reason_of(Errno error) {
  switch (error) {
    case 0: return Reason::none;
    case ECONNREFUSED:
    case ENOENT:
    case EAGAIN:  // a unix socket whose backlog is full
      return Reason::refused;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EADDRNOTAVAIL: return Reason::unreachable;
    case ETIMEDOUT: return Reason::timed_out;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE: return Reason::reset;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return Reason::out_of_descriptors;
    default: return Reason::other;
  }
}

TcpOptions tcp_options(const Settings& settings) {
  return {settings.tcp_keepalive, settings.tcp_keepidle, settings.tcp_keepintvl,
          settings.tcp_keepcnt, settings.tcp_user_timeout};
}

void apply(int fd, const TcpOptions& options) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, options.keepalive ? 1 : 0);
  if (options.keepidle_s > 0) set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, options.keepidle_s);
  if (options.keepintvl_s > 0) set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, options.keepintvl_s);
  if (options.keepcnt > 0) set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, options.keepcnt);
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, options.user_timeout_ms);
}

std::optional<SocketAddress> address_of(const Endpoint& endpoint) {
  SocketAddress address;
  switch (endpoint.family) {
    case Endpoint::Family::unix_socket: {
      auto& to = as<sockaddr_un>(address);
      if (endpoint.path.size() >= sizeof to.sun_path) return std::nullopt;
      to.sun_family = AF_UNIX;
      std::ranges::copy(endpoint.path, to.sun_path);
      break;
    }
    case Endpoint::Family::ipv4: {
      auto& to = as<sockaddr_in>(address);
      to.sin_family = AF_INET;
      to.sin_port = htons(endpoint.port);
      std::memcpy(&to.sin_addr, endpoint.address.data(), sizeof to.sin_addr);
      break;
    }
    case Endpoint::Family::ipv6: {
      auto& to = as<sockaddr_in6>(address);
      to.sin6_family = AF_INET6;
      to.sin6_port = htons(endpoint.port);
      std::memcpy(&to.sin6_addr, endpoint.address.data(), sizeof to.sin6_addr);
      break;
    }
  }
  return address;
}

Endpoint endpoint_of(const sockaddr& address) {
  Endpoint endpoint;
  if (address.sa_family == AF_INET) {
    const auto& from = as<sockaddr_in>(address);
    endpoint.family = Endpoint::Family::ipv4;
    endpoint.port = ntohs(from.sin_port);
    std::memcpy(endpoint.address.data(), &from.sin_addr, sizeof from.sin_addr);
  } else if (address.sa_family == AF_INET6) {
    const auto& from = as<sockaddr_in6>(address);
    endpoint.family = Endpoint::Family::ipv6;
    endpoint.port = ntohs(from.sin6_port);
    std::memcpy(endpoint.address.data(), &from.sin6_addr, sizeof from.sin6_addr);
  }
  return endpoint;
}

Endpoint local_endpoint(int fd) {
  SocketAddress address;
  address.size = sizeof address.storage;
  if (::getsockname(fd, address.get(), &address.size) != 0) return {};
  return endpoint_of(*address.get());
}

std::expected<Accepting, Errno> accept_from(int listening_fd) {
  SocketAddress peer;
  peer.size = sizeof peer.storage;
  Descriptor socket(::accept4(listening_fd, peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket) return std::unexpected(errno);
  return Accepting{std::move(socket), peer};
}

std::optional<std::uint32_t> peer_uid(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  return credentials.uid;
}

std::expected<Connecting, Errno> connect_to(const Endpoint& to, const TcpOptions& options) {
  const std::optional<SocketAddress> address = address_of(to);
  if (!address) return std::unexpected(ENAMETOOLONG);
  Descriptor socket(
      ::socket(address->get()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return std::unexpected(errno);
  if (to.family != Endpoint::Family::unix_socket) apply(socket.get(), options);
  const bool done = ::connect(socket.get(), address->get(), address->size) == 0;
  if (!done && errno != EINPROGRESS) return std::unexpected(errno);
  return Connecting{std::move(socket), done};
}

Errno pending_error(int fd) {
  Errno error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

// The kernel's calls without libc's around them: those are points where a thread may be cancelled,
// which costs atomic operations at each as soon as a process has a second thread.
std::expected<std::size_t, Errno> write_to(int fd, std::span<const iovec> pieces) {
  long written = 0;
  do {
    if (pieces.size() == 1) {
      written = ::syscall(SYS_sendto, fd, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL,
                          nullptr, 0);
    } else {
      msghdr message{};
      message.msg_iov = const_cast<iovec*>(pieces.data());
      message.msg_iovlen = pieces.size();
      written = ::syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL);
    }
  } while (written < 0 && errno == EINTR);
  if (written >= 0) return static_cast<std::size_t>(written);
  if (errno == EAGAIN) return 0;
  return std::unexpected(errno);
}

std::expected<std::size_t, Errno> read_from(int fd, std::span<std::byte> into, ReadMode mode) {
  const int flags = mode == ReadMode::peek ? MSG_PEEK : 0;
  long size = 0;
  do {
    size = ::syscall(SYS_recvfrom, fd, into.data(), into.size(), flags, nullptr, nullptr);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return std::unexpected(errno);
  return static_cast<std::size_t>(size);
}

}  // namespace pgweir::io
