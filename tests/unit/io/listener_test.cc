#include "io/listener.h"

#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "shell_fixture.h"

namespace pgweir::io {
namespace {

class UnixListenerTest : public ShellTest {
 protected:
  void SetUp() override {
    ShellTest::SetUp();
    settings_.listen_addr.clear();
    settings_.listen_port = 6432;
    settings_.unix_socket_dir = folder_.string();
    path_ = (folder_ / ".s.PGSQL.6432").string();
  }
  // A socket file whose process is gone, or one that is listened to.
  Descriptor bind_file(bool listening) {
    Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = address_of(Endpoint{.path = path_}).value();
    EXPECT_EQ(::bind(socket.get(), address.get(), address.size), 0);
    if (listening) {
      EXPECT_EQ(::listen(socket.get(), 1), 0);
    }
    return socket;
  }
  std::optional<std::string> try_to_listen() {
    shell_ = std::make_unique<Shell>(stepper_, vault_, log_, settings_, Shell::Options{});
    const auto problem = shell_->listen(settings_);
    shell_.reset();
    return problem;
  }

  std::string path_;
};

TEST_F(UnixListenerTest, TellsTheUidOfTheClient) {
  std::optional<std::uint32_t> uid;
  std::string local_path;
  stepper_.script = [&](const Event& e, auto&) {
    if (const auto* accepted = std::get_if<event::Accepted>(&e)) {
      uid = accepted->uid;
      local_path = accepted->local.path;
      EXPECT_EQ(accepted->peer.path, "");
    }
  };
  begin();
  Peer peer(connect_blocking(Endpoint{.path = path_}));
  ASSERT_TRUE(until_told("accepted client0.1"));
  EXPECT_EQ(uid, ::getuid());
  EXPECT_EQ(local_path, path_);
}

TEST_F(UnixListenerTest, TellsHangupWhenAStoppedClientCloses) {
  begin();
  Peer peer(connect_blocking(Endpoint{.path = path_}));
  ASSERT_TRUE(until_told("accepted client0.1"));
  carry_out({effect::StopReading{client}});
  peer.say("unread");
  settle();
  peer.close();
  EXPECT_TRUE(until_told("hangup client0.1"));
}

TEST_F(UnixListenerTest, ReadsAServersLastBytesBeforeItTellsThatItWent) {
  const Descriptor listening = [&] {
    path_ = (folder_ / "server").string();
    return bind_file(true);
  }();
  begin();
  carry_out({effect::Connect{server, Endpoint{.path = path_}}});
  ASSERT_TRUE(until_told("connected server0.1"));
  Peer peer(::accept(listening.get(), nullptr, nullptr));
  carry_out({effect::StopReading{server}});
  peer.say("last words");
  peer.close();
  settle();
  EXPECT_EQ(told("hangup server0.1"), 0);
  carry_out({effect::ResumeReading{server}});
  ASSERT_TRUE(until_told("peer_done server0.1"));
  EXPECT_EQ(stepper_.bytes, "last words");
}

TEST_F(UnixListenerTest, GivesTheFileItsModeAndRemovesItInTheEnd) {
  settings_.unix_socket_mode = 0750;
  begin();
  struct stat there{};
  ASSERT_EQ(::stat(path_.c_str(), &there), 0);
  EXPECT_EQ(there.st_mode & 0777, 0750u);
  end();
  EXPECT_NE(::stat(path_.c_str(), &there), 0) << "the socket file was left behind";
}

TEST_F(UnixListenerTest, LeavesAFileThatAnotherProcessPutInItsPlace) {
  begin();
  std::filesystem::remove(path_);
  const Descriptor other = bind_file(true);
  end();
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(UnixListenerTest, TakesOverAFileThatNobodyAnswersAt) {
  bind_file(false).close();
  EXPECT_FALSE(try_to_listen());
}

TEST_F(UnixListenerTest, RefusesAFileThatAnotherProcessListensOn) {
  const Descriptor other = bind_file(true);
  const auto problem = try_to_listen();
  ASSERT_TRUE(problem);
  EXPECT_NE(problem->find(path_), std::string::npos) << *problem;
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(UnixListenerTest, RefusesAPathThatIsTooLong) {
  settings_.unix_socket_dir = "/tmp/" + std::string(200, 'x');
  const auto problem = try_to_listen();
  ASSERT_TRUE(problem);
  EXPECT_NE(problem->find("unix_socket_dir"), std::string::npos) << *problem;
}

TEST_F(ShellTest, NamesTheSettingWhenAPortIsTaken) {
  begin();
  settings_.listen_port = listening().port;
  Shell other(stepper_, vault_, log_, settings_, Shell::Options{});
  const auto problem = other.listen(settings_);
  ASSERT_TRUE(problem);
  EXPECT_NE(problem->find("listen_port"), std::string::npos) << *problem;
}

TEST_F(ShellTest, ListensOnBothFamiliesForAStar) {
  settings_.listen_addr = {"*"};
  begin();
  for (const Endpoint& endpoint : shell_->listeners().endpoints()) {
    EXPECT_EQ(endpoint.address, Endpoint{}.address) << "an address, not every one";
  }
  const bool v6 = std::filesystem::exists("/proc/net/if_inet6");
  EXPECT_EQ(shell_->listeners().endpoints().size(), v6 ? 2u : 1u);
}

int option_of(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
  return value;
}

// What accepting without a system call for options stands on.
TEST(Sockets, AcceptedSocketsInheritTheListenersOptions) {
  const Descriptor listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  Endpoint any{Endpoint::Family::ipv4, 0, {127, 0, 0, 1}, {}};
  const auto address = address_of(any).value();
  ASSERT_EQ(::bind(listening.get(), address.get(), address.size), 0);
  ASSERT_EQ(::listen(listening.get(), 1), 0);
  apply(listening.get(), {true, 61, 11, 4, 12345});

  const auto connecting = connect_to(local_endpoint(listening.get()), {true, 62, 12, 5, 23456});
  ASSERT_TRUE(connecting);
  const auto accepted = accept_from(listening.get());
  ASSERT_TRUE(accepted);
  for (const auto& [fd, more] :
       {std::pair(accepted->socket.get(), 0), std::pair(connecting->socket.get(), 1)}) {
    EXPECT_EQ(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    EXPECT_EQ(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 61 + more);
    EXPECT_EQ(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), 11 + more);
    EXPECT_EQ(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT), 4 + more);
    EXPECT_EQ(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 12345 + more * 11111);
  }
}

}  // namespace
}  // namespace pgweir::io
