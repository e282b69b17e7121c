// Machines on threads of their own: they begin, hear of each other, and end together.
#include "io/fleet.h"

#include <csignal>
#include <deque>
#include <thread>

#include "shell_fixture.h"

namespace pgweir::io {
namespace {

using Told = std::vector<std::string>;
using Effects = ScriptedStepper::Effects;

class FleetTest : public testing::Test {
 protected:
  struct Seated {
    Vault vault;
    ScriptedStepper stepper;
  };

  void make(std::size_t machines) {
    seated_.resize(machines);
    settings_.listen_addr = {"127.0.0.1"};
    settings_.listen_port = 0;
    settings_.unix_socket_dir = "";
  }
  // After the scripts are there.
  void begin() {
    std::vector<Fleet::Member> members;
    for (Seated& seated : seated_) members.push_back({seated.stepper, seated.vault});
    fleet_.emplace(members, log_, settings_, Shell::Options{"/nowhere/at/all", false});
    const auto problem = fleet_->first().listen(settings_);
    ASSERT_FALSE(problem) << *problem;
  }
  ScriptedStepper& stepper(std::size_t machine) { return seated_[machine].stepper; }

  Settings settings_;
  Log log_{{"", false, false}};
  std::deque<Seated> seated_;
  std::optional<Fleet> fleet_;
};

TEST_F(FleetTest, OfOneIsItsShell) {
  make(1);
  stepper(0).script = [](const Event&, Effects& out) { out.push_back(effect::Exit{2}); };
  begin();
  EXPECT_EQ(fleet_->run(), 2);
  EXPECT_EQ(stepper(0).told, (Told{"wall_clock"}));
  EXPECT_TRUE(fleet_->shut_down());
}

TEST_F(FleetTest, EndsAllWhenTheFirstExits) {
  make(3);
  stepper(0).script = [](const Event& e, Effects& out) {
    if (std::holds_alternative<event::WallClock>(e)) {
      out.push_back(effect::Tell{2, bytes_of("ping")});
    } else if (std::holds_alternative<event::Told>(e)) {
      out.push_back(effect::Exit{3});
    }
  };
  stepper(2).script = [](const Event& e, Effects& out) {
    if (const auto* told = std::get_if<event::Told>(&e)) {
      out.push_back(effect::Tell{told->from, bytes_of("pong")});
    }
  };
  begin();
  EXPECT_EQ(fleet_->run(), 3);
  EXPECT_EQ(stepper(0).told, (Told{"wall_clock", "told pong"}));
  EXPECT_EQ(stepper(1).told, (Told{"wall_clock"}));
  EXPECT_EQ(stepper(2).told, (Told{"wall_clock", "told ping"}));
}

TEST_F(FleetTest, EndsAllWhenAnyExits) {
  make(3);
  stepper(1).script = [](const Event&, Effects& out) { out.push_back(effect::Exit{4}); };
  begin();
  EXPECT_EQ(fleet_->run(), 4);
}

TEST_F(FleetTest, LeavesSignalsToTheFirst) {
  make(2);
  bool blocked = false;
  stepper(1).script = [&](const Event&, Effects& out) {
    sigset_t mask;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGHUP) == 1;
    out.push_back(effect::Exit{0});
  };
  begin();
  fleet_->run();
  EXPECT_TRUE(blocked);
  sigset_t mask;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGTERM), 0) << "the first still hears them";
}

// Each machine answers what it reads and passes the client on, among others that do the same.
TEST_F(FleetTest, PassesClientsAroundWithoutLosingAByte) {
  constexpr int clients = 4;
  constexpr int rounds = 200;
  make(3);
  int ended = 0;  // on the first machine's thread only
  for (std::uint8_t machine = 0; machine < 3; ++machine) {
    stepper(machine).script = [&ended, machine](const Event& e, Effects& out) {
      if (const auto* received = std::get_if<event::Received>(&e)) {
        const auto next = static_cast<std::uint8_t>((machine + 1) % 3);
        out.push_back(effect::Send{received->socket, received->bytes});
        out.push_back(effect::HandOver{received->socket, next, bytes_of("parcel")});
      } else if (const auto* done = std::get_if<event::PeerDone>(&e)) {
        out.push_back(effect::Close{done->socket, effect::CloseWhen::now});
        out.push_back(effect::Tell{0, bytes_of("ended")});
      } else if (std::holds_alternative<event::Told>(e) && ++ended == clients) {
        out.push_back(effect::Exit{0});
      }
    };
  }
  begin();
  const SocketAddress address = address_of(fleet_->first().listeners().endpoints().at(0)).value();
  std::array<int, clients> answered{};
  {
    std::vector<std::jthread> peers;
    for (int& count : answered) {
      peers.emplace_back([&count, &address] {
        const Descriptor socket(::socket(address.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (::connect(socket.get(), address.get(), address.size) != 0) return;
        for (int i = 0; i < rounds; ++i) {
          const char said = static_cast<char>('a' + i % 26);
          char heard = 0;
          if (::send(socket.get(), &said, 1, MSG_NOSIGNAL) != 1) return;
          if (::recv(socket.get(), &heard, 1, 0) != 1 || heard != said) return;
          ++count;
        }
      });
    }
    EXPECT_EQ(fleet_->run(), 0);
  }
  for (const int count : answered) EXPECT_EQ(count, rounds);
}

}  // namespace
}  // namespace pgweir::io
