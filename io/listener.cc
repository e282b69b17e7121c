#include "io/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/assert.h"
#include "core/base/text.h"
#include "core/console/address.h"

namespace pgweir::io {

namespace {

std::string problem_with(std::string_view setting, std::string_view where, Errno error) {
  return join(setting, ": cannot listen on ", where, ": ", std::strerror(error));
}

struct AddressList {
  addrinfo* first = nullptr;
  ~AddressList() {
    if (first != nullptr) ::freeaddrinfo(first);
  }
};

Descriptor new_listening_socket(int family) {
  return Descriptor(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

// Binding again right after a restart, and IPv6 without its IPv4 half: the two are told apart here.
Errno bind_tcp(int fd, const addrinfo& address) {
  const int on = 1;
  (void)::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.ai_family == AF_INET6) {
    if (::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) return errno;
  }
  return ::bind(fd, address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno;
}

// A socket file that nobody answers at is left from a process that ended badly, and is removed.
std::optional<std::string> remove_stale(const std::string& path, const SocketAddress& address) {
  struct stat there{};
  if (::lstat(path.c_str(), &there) != 0) return std::nullopt;
  if (!S_ISSOCK(there.st_mode)) {
    return join("unix_socket_dir: ", path, " is there and is no socket: remove it");
  }
  const Descriptor probe = new_listening_socket(AF_UNIX);
  if (!probe) return problem_with("unix_socket_dir", path, errno);
  if (::connect(probe.get(), address.get(), address.size) == 0 || errno == EAGAIN) {
    return join("unix_socket_dir: another process listens on ", path,
                ": stop it, or change unix_socket_dir or listen_port");
  }
  if (errno != ECONNREFUSED) return problem_with("unix_socket_dir", path, errno);
  ::unlink(path.c_str());
  return std::nullopt;
}

std::string name_of_endpoint(const Endpoint& endpoint) {
  if (endpoint.family == Endpoint::Family::unix_socket) return std::string(endpoint.path);
  const bool v6 = endpoint.family == Endpoint::Family::ipv6;
  return join(v6 ? "[" : "", console::address_text(endpoint), v6 ? "]:" : ":", endpoint.port);
}

}  // namespace

Listeners::Listeners(Loop& loop, Streams& streams, Teller& teller)
    : loop_(loop), streams_(streams), teller_(teller) {}

Listeners::~Listeners() { PGWEIR_REQUIRE(all_.empty(), all_.size()); }

std::optional<std::string> Listeners::open(const Settings& settings) {
  for (const std::string& address : settings.listen_addr) {
    if (auto problem = open_tcp(address, settings)) return problem;
  }
  if (!settings.unix_socket_dir.empty()) return open_unix(settings);
  return std::nullopt;
}

std::optional<std::string> Listeners::open_tcp(const std::string& address,
                                               const Settings& settings) {
  const bool everywhere = address == "*";
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE;
  AddressList found;
  const std::string port = join(settings.listen_port);
  const int status =
      ::getaddrinfo(everywhere ? nullptr : address.c_str(), port.c_str(), &wanted, &found.first);
  if (status != 0) {
    return join("listen_addr: cannot find the address of \"", address,
                "\": ", ::gai_strerror(status));
  }
  for (const addrinfo* each = found.first; each != nullptr; each = each->ai_next) {
    const std::string name = name_of_endpoint(endpoint_of(*each->ai_addr));
    auto listening = std::make_unique<Listening>(*this);
    listening->socket = new_listening_socket(each->ai_family);
    Errno error = listening->socket ? 0 : errno;
    if (error == 0) error = bind_tcp(listening->socket.get(), *each);
    // "*" means what this computer has: it may be without IPv6 (or IPv4).
    const bool no_family = error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
    if (everywhere && no_family && found.first->ai_next != nullptr) continue;
    if (error != 0) return problem_with("listen_addr, listen_port", name, error);
    apply(listening->socket.get(), tcp_options(settings));
    const Endpoint local = local_endpoint(listening->socket.get());
    if (local.address != Endpoint{}.address) listening->local = local;
    if (auto problem = begin(std::move(listening), settings.listen_backlog)) return problem;
  }
  return std::nullopt;
}

std::optional<std::string> Listeners::open_unix(const Settings& settings) {
  auto listening = std::make_unique<Listening>(*this);
  const std::string path = join(settings.unix_socket_dir, "/.s.PGSQL.", settings.listen_port);
  Endpoint endpoint;
  endpoint.path = path;
  const std::optional<SocketAddress> address = address_of(endpoint);
  if (!address) {
    return join("unix_socket_dir: the path ", path, " is longer than the ",
                sizeof(sockaddr_un::sun_path) - 1, " bytes a socket's path may have");
  }
  if (auto problem = remove_stale(path, *address)) return problem;
  listening->socket = new_listening_socket(AF_UNIX);
  if (!listening->socket || ::bind(listening->socket.get(), address->get(), address->size) != 0) {
    return problem_with("unix_socket_dir", path, errno);
  }
  listening->path = path;
  listening->local = Endpoint{};
  struct stat made{};
  if (::stat(path.c_str(), &made) != 0 ||
      ::chmod(path.c_str(), static_cast<mode_t>(settings.unix_socket_mode)) != 0) {
    const Errno error = errno;
    ::unlink(path.c_str());
    return problem_with("unix_socket_mode", path, error);
  }
  listening->device = made.st_dev;
  listening->inode = made.st_ino;
  return begin(std::move(listening), settings.listen_backlog);
}

std::optional<std::string> Listeners::begin(std::unique_ptr<Listening> listening, int backlog) {
  const int fd = listening->socket.get();
  if (::listen(fd, backlog) != 0) {
    return problem_with("listen_backlog", name_of_endpoint(local_endpoint(fd)), errno);
  }
  all_.push_back(std::move(listening));
  return std::nullopt;
}

void Listeners::set_accepting(bool on) {
  if (accepting_ == on) return;
  accepting_ = on;
  for (const auto& listening : all_) {
    const int fd = listening->socket.get();
    if (on) {
      PGWEIR_REQUIRE(loop_.watch(fd, EPOLLIN, *listening), errno);
    } else {
      loop_.unwatch(fd);
    }
  }
}

void Listeners::use(const TcpOptions& options) {
  for (const auto& listening : all_) {
    if (listening->path.empty()) apply(listening->socket.get(), options);
  }
}

void Listeners::close_all() {
  accepting_ = false;
  for (auto& listening : all_) {
    struct stat there{};
    const std::string& path = listening->path;
    const bool ours = !path.empty() && ::stat(path.c_str(), &there) == 0 &&
                      there.st_dev == listening->device && there.st_ino == listening->inode;
    if (ours) ::unlink(path.c_str());
    listening->socket.close();
    loop_.retire(std::move(listening));
  }
  all_.clear();
}

std::vector<Endpoint> Listeners::endpoints() const {
  std::vector<Endpoint> endpoints;
  for (const auto& listening : all_) {
    endpoints.push_back(local_endpoint(listening->socket.get()));
    endpoints.back().path = listening->path;
  }
  return endpoints;
}

std::vector<std::string> Listeners::names() const {
  std::vector<std::string> names;
  for (const Endpoint& endpoint : endpoints()) names.push_back(name_of_endpoint(endpoint));
  return names;
}

void Listeners::accept_all(Listening& listening) {
  for (int i = 0; i < accepts_per_turn_max && accepting_; ++i) {
    if (!accept_one(listening)) break;
  }
  teller_.settle();
}

bool Listeners::accept_one(Listening& listening) {
  auto accepted = accept_from(listening.socket.get());
  if (!accepted) {
    const Reason why = reason_of(accepted.error());
    if (why == Reason::out_of_descriptors) teller_.tell(event::AcceptFailed{why});
    // Other errors belong to the one connection that was lost before we took it.
    return accepted.error() != EAGAIN && why != Reason::out_of_descriptors;
  }
  const bool is_unix = !listening.path.empty();
  const int fd = accepted->socket.get();
  event::Accepted event;
  event.peer = endpoint_of(*accepted->peer.get());
  event.local = listening.local ? *listening.local : local_endpoint(fd);
  event.local.path = listening.path;
  if (is_unix) event.uid = peer_uid(fd);
  const auto client = streams_.accepted(std::move(accepted->socket));
  if (!client) {
    teller_.tell(event::AcceptFailed{Reason::out_of_descriptors});
    return false;
  }
  event.client = *client;
  teller_.tell(event);
  return true;
}

}  // namespace pgweir::io
