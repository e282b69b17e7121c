// The libuv shell on loopback.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "io/shell.h"
#include "tests/contract/world.h"

namespace pgweir::contract {

namespace {

using io::Descriptor;

constexpr Endpoint any_port{Endpoint::Family::ipv4, 0, {127, 0, 0, 1}, {}};

class SocketEnd final : public PeerEnd {
 public:
  explicit SocketEnd(Descriptor socket) : socket_(std::move(socket)) {}

  void write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) return;  // the shell is gone
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  std::string read() override {
    std::string all;
    std::string piece(64 * 1024, '\0');
    for (;;) {
      const ssize_t got = ::recv(socket_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
      ended_ = ended_ || got == 0 || (got < 0 && errno != EAGAIN);
      if (got <= 0) return all;
      all.append(piece, 0, static_cast<std::size_t>(got));
    }
  }
  void finish() override { ::shutdown(socket_.get(), SHUT_WR); }
  void reset() override {
    const linger none{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &none, sizeof none);
    socket_.close();
  }
  bool ended() override {
    char byte = 0;
    const ssize_t got = ended_ ? 0 : ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN);
  }

 private:
  Descriptor socket_;
  bool ended_ = false;
};

Descriptor new_socket() { return Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

void bind_to_any_port(const Descriptor& socket) {
  const auto address = io::address_of(any_port).value();
  ASSERT_EQ(::bind(socket.get(), address.get(), address.size), 0) << std::strerror(errno);
}

class LibuvWorld final : public World {
 public:
  LibuvWorld() {
    bind_to_any_port(host_);
    EXPECT_EQ(::listen(host_.get(), 16), 0);
    bind_to_any_port(nobody_);
  }
  ~LibuvWorld() override {
    if (shell_) uv_close(reinterpret_cast<uv_handle_t*>(&ticker_), nullptr);
    if (second_) uv_close(reinterpret_cast<uv_handle_t*>(&second_ticker_), nullptr);
    have_descriptors_again();
  }
  LibuvWorld(const LibuvWorld&) = delete;
  LibuvWorld& operator=(const LibuvWorld&) = delete;

  void begin() override {
    settings_.listen_addr = {"127.0.0.1"};
    settings_.listen_port = 0;
    settings_.unix_socket_dir = "";
    settings_.users.emplace_back().credential = 1;
    vault_.adopt({{auth::SecretKind::plain, "pencil"}}, settings_);
    const io::Shell::Options options{"/nowhere/at/all", false};
    shell_.emplace(recorder, vault_, log_, settings_, options, io::Post(mailboxes_, 0));
    second_.emplace(other, second_vault_, log_, settings_, options, io::Post(mailboxes_, 1));
    const auto problem = shell_->listen(settings_);
    ASSERT_FALSE(problem) << *problem;
    // Turns end at least this often, so that a lost event fails a test instead of hanging it.
    uv_timer_init(&shell_->loop(), &ticker_);
    uv_timer_start(&ticker_, [](uv_timer_t*) {}, 20, 20);
    uv_timer_init(&second_->loop(), &second_ticker_);
    uv_timer_start(&second_ticker_, [](uv_timer_t*) {}, 1, 1);
    shell_->start();
    second_->start();
  }
  std::unique_ptr<PeerEnd> connect() override {
    Descriptor socket = new_socket();
    // So that not too many bytes find room between the two ends.
    const int size = 64 * 1024;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    const auto address = io::address_of(shell_->listeners().endpoints().at(0)).value();
    EXPECT_EQ(::connect(socket.get(), address.get(), address.size), 0) << std::strerror(errno);
    return std::make_unique<SocketEnd>(std::move(socket));
  }
  Endpoint host() override { return io::local_endpoint(host_.get()); }
  std::unique_ptr<PeerEnd> next_at_host() override {
    const int socket = ::accept4(host_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    return socket < 0 ? nullptr : std::make_unique<SocketEnd>(Descriptor(socket));
  }
  Endpoint nobody() override { return io::local_endpoint(nobody_.get()); }
  CredentialId secret() override { return settings_.users[0].credential; }
  // The knock that follows finds no descriptor left, until one accept has failed.
  void fail_next_accept() override {
    spare_ = new_socket();
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &usual_), 0);
    short_of_descriptors_ = true;
    const rlimit tight{static_cast<rlim_t>(spare_.get()) + 1, usual_.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
    spare_.close();
  }
  void poke() override { shell_->tell(event::Commanded{event::Command::reload}); }
  void turn() override {
    shell_->turn();
    second_->turn();
    const bool failed = recorder.count("accept failed out of descriptors") > 0;
    if (failed) have_descriptors_again();
  }
  std::optional<int> exit_status() override { return shell_->exit_status(); }

 private:
  void have_descriptors_again() {
    if (short_of_descriptors_) ::setrlimit(RLIMIT_NOFILE, &usual_);
    short_of_descriptors_ = false;
  }

  Descriptor host_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  Descriptor nobody_ = new_socket();  // bound, never listening
  Descriptor spare_;
  rlimit usual_{};
  bool short_of_descriptors_ = false;
  Settings settings_;
  io::Vault vault_;
  io::Log log_{{"", false, false}};
  std::array<io::Mailbox, 2> mailboxes_;
  std::optional<io::Shell> shell_;
  uv_timer_t ticker_{};
  io::Vault second_vault_;
  std::optional<io::Shell> second_;
  uv_timer_t second_ticker_{};
};

}  // namespace

std::unique_ptr<World> libuv_world() { return std::make_unique<LibuvWorld>(); }

}  // namespace pgweir::contract
