// A shell with a scripted stepper and real sockets on 127.0.0.1 and in a folder of its own.
// The script is a function from an event to effects; what was told is kept as text, one entry an
// event, so that a test can say exactly what must have been told in which order.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/text.h"
#include "io/shell.h"

namespace pgweir::io {

// More than a socket takes at once.
inline const std::string much(std::size_t{8} << 20, 'm');

inline std::string text_of(SocketId id) {
  const char* kind = id.kind == SocketKind::client   ? "client"
                     : id.kind == SocketKind::server ? "server"
                                                     : "cancel";
  return join(kind, id.slot, ".", id.generation);
}

// "received client0.1", with the number of the reason where there is one.
struct Describe {
  std::string operator()(const event::Accepted& e) {
    return "accepted " + text_of(socket_of(e.client));
  }
  std::string operator()(const event::AcceptFailed&) { return "accept_failed"; }
  std::string operator()(const event::Received& e) { return "received " + text_of(e.socket); }
  std::string operator()(const event::PeerDone& e) { return "peer_done " + text_of(e.socket); }
  std::string operator()(const event::Hangup& e) { return "hangup " + text_of(e.socket); }
  std::string operator()(const event::Congested& e) { return "congested " + text_of(e.socket); }
  std::string operator()(const event::Drained& e) { return "drained " + text_of(e.socket); }
  std::string operator()(const event::Connected& e) { return "connected " + text_of(e.socket); }
  std::string operator()(const event::ConnectFailed& e) {
    return join("connect_failed ", text_of(e.socket), " ", static_cast<int>(e.why));
  }
  std::string operator()(const event::Closed& e) { return "closed " + text_of(e.socket); }
  std::string operator()(const event::Arrived& e) {
    return join("arrived ", pgweir::text_of(e.parcel));
  }
  std::string operator()(const event::Adopted& e) {
    return join("adopted ", pgweir::text_of(e.parcel));
  }
  std::string operator()(const event::Told& e) { return join("told ", pgweir::text_of(e.message)); }
  std::string operator()(const event::Resolved& e) {
    return join("resolved ", e.ticket, " ", static_cast<int>(e.why));
  }
  std::string operator()(const event::Derived& e) {
    return join("derived ", e.ticket, " ", static_cast<int>(e.done));
  }
  std::string operator()(const event::Reconfigured&) { return "reconfigured"; }
  std::string operator()(const event::Refused&) { return "refused"; }
  std::string operator()(const event::Commanded&) { return "commanded"; }
  std::string operator()(const event::WallClock&) { return "wall_clock"; }
  std::string operator()(const event::Woke&) { return "woke"; }
};

class ScriptedStepper final : public Stepper {
 public:
  using Effects = std::vector<Effect>;
  using Script = std::function<void(const Event&, Effects&)>;

  std::span<const Effect> step(Instant now, const Event& event) override {
    EXPECT_GE(now, now_) << "the clock went backwards";
    EXPECT_FALSE(stepping_) << "the shell must not re-enter the machine";
    stepping_ = true;
    now_ = now;
    told.push_back(std::visit(Describe{}, event));
    effects_.clear();
    if (std::holds_alternative<event::WallClock>(event)) {
      if (told.size() == 1) effects_.push_back(effect::Accepting{effect::Accept::on});
    }
    if (const auto* received = std::get_if<event::Received>(&event)) {
      bytes += pgweir::text_of(received->bytes);
    }
    // What the test wants done goes with the next event, whatever that is.
    effects_.insert(effects_.end(), wanted.begin(), wanted.end());
    wanted.clear();
    if (script) script(event, effects_);
    stepping_ = false;
    return effects_;
  }
  std::optional<Wake> deadline() const override { return wake; }
  Instant now() const { return now_; }

  std::vector<std::string> told;
  std::string bytes;  // received on all sockets
  Effects wanted;
  Script script;
  std::optional<Wake> wake;

 private:
  Instant now_{};
  bool stepping_ = false;
  Effects effects_;
};

// A blocking socket at the other end.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {
    // Reads end when the shell fails to answer, so that a test fails rather than hangs.
    const timeval patience{5, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  int fd() const { return fd_.get(); }
  void say(std::string_view text) {
    ASSERT_EQ(::send(fd(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  void finish() { ::shutdown(fd(), SHUT_WR); }
  void close() { fd_.close(); }
  // Goes with a reset instead of an orderly end.
  void abort() {
    const linger none{1, 0};
    ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close();
  }
  // What is there now, up to size bytes, without waiting.
  std::string hear_now(std::size_t size = 1 << 20) {
    std::string text(size, 0);
    const ssize_t got = ::recv(fd(), text.data(), text.size(), MSG_DONTWAIT);
    ended_ = got == 0;
    failed_ = got < 0 && errno != EAGAIN;
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }
  bool ended() const { return ended_; }
  bool failed() const { return failed_; }

 private:
  Descriptor fd_;
  bool ended_ = false;
  bool failed_ = false;
};

class ShellTest : public testing::Test {
 protected:
  static constexpr SocketId client{SocketKind::client, 0, 1};
  static constexpr SocketId server{SocketKind::server, 0, 1};

  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / join("pgweir_shell_", ::getpid());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    settings_.listen_addr = {"127.0.0.1"};
    settings_.listen_port = 0;
    settings_.unix_socket_dir = "";
  }
  void TearDown() override {
    if (shell_) end();
    std::filesystem::remove_all(folder_);
  }

  void begin() {
    shell_ = std::make_unique<Shell>(stepper_, vault_, log_, settings_,
                                     Shell::Options{(folder_ / "pgweir.ini").string(), false});
    const auto problem = shell_->listen(settings_);
    ASSERT_FALSE(problem) << *problem;
    // Turns end at least this often, so that a lost event fails a test instead of hanging it.
    uv_timer_init(&shell_->loop(), &ticker_);
    uv_timer_start(&ticker_, [](uv_timer_t*) {}, 20, 20);
    shell_->start();
  }
  void end() {
    uv_close(reinterpret_cast<uv_handle_t*>(&ticker_), nullptr);
    shell_.reset();
  }

  // Turns the loop until the condition holds; false when that takes far too long.
  bool until(const std::function<bool()>& condition) {
    for (int i = 0; i < 500 && !condition(); ++i) shell_->turn();
    return condition();
  }
  bool until_told(const std::string& event) {
    return until([&] { return told(event) > 0; });
  }
  long told(const std::string& event) { return std::ranges::count(stepper_.told, event); }
  // A few turns more, for what must not happen.
  void settle() {
    for (int i = 0; i < 5; ++i) shell_->turn();
  }
  // Effects go out with an event; this makes one, by waking the stepper.
  void carry_out(ScriptedStepper::Effects effects) {
    const long before = told("woke");
    stepper_.wanted = std::move(effects);
    stepper_.wake = Wake{stepper_.now(), "test"};
    stepper_.script = [this, script = std::move(stepper_.script)](const Event& e, auto& out) {
      if (std::holds_alternative<event::Woke>(e)) stepper_.wake.reset();
      if (script) script(e, out);
    };
    shell_->settle();
    ASSERT_TRUE(until([&] { return told("woke") > before; })) << "the timer did not fire";
  }

  Endpoint listening() { return shell_->listeners().endpoints().at(0); }
  // Connects, and lets the shell accept.
  Peer connect_client() {
    const std::size_t before = stepper_.told.size();
    Peer peer(connect_blocking(listening()));
    EXPECT_TRUE(until([&] { return stepper_.told.size() > before; })) << "not accepted";
    return peer;
  }
  static int connect_blocking(const Endpoint& to) {
    const auto address = address_of(to).value();
    const int fd = ::socket(address.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(fd, address.get(), address.size), 0) << std::strerror(errno);
    return fd;
  }

  std::filesystem::path folder_;
  Settings settings_;
  Vault vault_;
  Log log_{{"", false, false}};
  ScriptedStepper stepper_;
  std::unique_ptr<Shell> shell_;
  uv_timer_t ticker_{};
};

}  // namespace pgweir::io
