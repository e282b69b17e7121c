// What goes from one machine's shell to another's: the promises of core/event.h about Told, Adopted
// and settings. Two shells on one thread, turned by hand, so that what happens between a letter's
// going and its coming is the test's choice.
#include <array>
#include <fstream>

#include "shell_fixture.h"

namespace pgweir::io {
namespace {

using Told = std::vector<std::string>;
using Effects = ScriptedStepper::Effects;

// One machine's shell, and its script.
class Side {
 public:
  Side(Log& log, const Settings& settings, const std::string& config_path, Post post)
      : shell(stepper, vault, log, settings, {config_path, false}, post) {
    // Turns end at least this often, so that a lost event fails a test instead of hanging it.
    uv_timer_init(&shell.loop(), &ticker_);
    uv_timer_start(&ticker_, [](uv_timer_t*) {}, 5, 5);
  }
  ~Side() { uv_close(reinterpret_cast<uv_handle_t*>(&ticker_), nullptr); }
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;

  // As what a command is answered with.
  void carry_out(Effects effects) {
    stepper.wanted = std::move(effects);
    shell.tell(event::Commanded{event::Command::reload});
  }
  long told(const std::string& event) const { return std::ranges::count(stepper.told, event); }
  // Without the wall clock at the beginning, and the commands of carry_out.
  Told heard() const {
    Told heard(stepper.told.begin() + 1, stepper.told.end());
    std::erase(heard, "commanded");
    return heard;
  }
  // A few turns more, for what must not happen.
  void settle() {
    for (int i = 0; i < 5; ++i) shell.turn();
  }

  Vault vault;
  ScriptedStepper stepper;
  Shell shell;

 private:
  uv_timer_t ticker_{};
};

class ShellsTest : public testing::Test {
 protected:
  static constexpr SocketId client{SocketKind::client, 0, 1};
  static constexpr SocketId server{SocketKind::server, 0, 1};

  ShellsTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    Settings anywhere = settings_;
    anywhere.listen_port = 0;  // any that is free, which no file may say
    const auto problem = first.shell.listen(anywhere);
    EXPECT_FALSE(problem) << *problem;
    first.shell.start();
    second.shell.start();
  }
  ~ShellsTest() override { std::filesystem::remove_all(folder_); }

  static Settings on_loopback() {
    Settings settings;
    settings.listen_addr = {"127.0.0.1"};
    settings.unix_socket_dir = "";
    return settings;
  }
  // Turns both until the condition holds; false when that takes far too long.
  bool until(const std::function<bool()>& condition) {
    for (int i = 0; i < 500 && !condition(); ++i) {
      first.shell.turn();
      if (!condition()) second.shell.turn();
    }
    return condition();
  }
  Peer connect_client() {
    Peer peer(connect_blocking(first.shell.listeners().endpoints().at(0)));
    EXPECT_TRUE(until([&] { return first.told("accepted client0.1") == 1; }));
    return peer;
  }
  static int connect_blocking(const Endpoint& to) {
    const auto address = address_of(to).value();
    const int fd = ::socket(address.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(fd, address.get(), address.size), 0) << std::strerror(errno);
    return fd;
  }
  static effect::HandOver hand_over(std::uint8_t to) { return {client, to, bytes_of("parcel")}; }
  // Reads until that many bytes have come, with both shells at work.
  std::string hear(Peer& peer, std::size_t size) {
    std::string heard;
    until([&] {
      heard += peer.hear_now();
      return heard.size() >= size;
    });
    return heard;
  }
  void write_config(const std::string& text) { std::ofstream(config_path_) << text; }

  std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) / join("pgweir_shells_", ::getpid());
  std::string config_path_ = (folder_ / "pgweir.ini").string();
  const Settings settings_ = on_loopback();
  Log log_{{"", false, false}};
  std::array<Mailbox, 2> mailboxes_;
  Side first{log_, settings_, config_path_, Post(mailboxes_, 0)};
  Side second{log_, settings_, config_path_, Post(mailboxes_, 1)};
};

TEST_F(ShellsTest, TellInOrderAndByWhom) {
  std::vector<int> from;
  second.stepper.script = [&](const Event& e, Effects&) {
    if (const auto* told = std::get_if<event::Told>(&e)) from.push_back(told->from);
  };
  first.carry_out({effect::Tell{1, bytes_of("a")}, effect::Tell{1, {}}});
  second.carry_out({effect::Tell{1, bytes_of("own")}});
  first.carry_out({effect::Tell{1, bytes_of("b")}});
  ASSERT_TRUE(until([&] { return second.told("told b") == 1; }));
  EXPECT_EQ(second.heard(), (Told{"told a", "told ", "told own", "told b"}));
  EXPECT_EQ(from, (std::vector<int>{0, 0, 1, 0}));
  EXPECT_EQ(first.heard(), Told{});
}

TEST_F(ShellsTest, AnswerEachOther) {
  second.stepper.script = [](const Event& e, Effects& out) {
    if (const auto* told = std::get_if<event::Told>(&e)) {
      out.push_back(effect::Tell{0, told->message});
    }
  };
  first.carry_out({effect::Tell{1, bytes_of("echo")}});
  EXPECT_TRUE(until([&] { return first.told("told echo") == 1; }));
}

TEST_F(ShellsTest, RingForNobodyWhoIsAtWork) {
  first.carry_out({effect::Tell{1, bytes_of("a")}, effect::Tell{1, bytes_of("b")}});
  second.shell.turn();
  EXPECT_EQ(second.heard(), (Told{"told a", "told b"}));
  first.carry_out({effect::Tell{1, bytes_of("c")}});
  second.shell.turn();
  EXPECT_EQ(second.told("told c"), 1) << "a turn must not wait while there is a letter";
  EXPECT_EQ(mailboxes_[1].rings(), 0U);
}

TEST_F(ShellsTest, ToldThingsAndClientsKeepTheirOrder) {
  Peer peer = connect_client();
  first.carry_out(
      {effect::Tell{1, bytes_of("before")}, hand_over(1), effect::Tell{1, bytes_of("after")}});
  ASSERT_TRUE(until([&] { return second.told("told after") == 1; }));
  EXPECT_EQ(second.heard(), (Told{"told before", "adopted parcel", "told after"}));
}

TEST_F(ShellsTest, AClientGoesOnAtTheOther) {
  Peer peer = connect_client();
  second.stepper.script = [](const Event& e, Effects& out) {
    if (const auto* adopted = std::get_if<event::Adopted>(&e)) {
      EXPECT_EQ(adopted->client, (ClientHandle{0, 1}));
      EXPECT_EQ(adopted->from, 0);
      out.push_back(effect::Send{socket_of(adopted->client), bytes_of("welcome")});
    }
  };
  first.carry_out({hand_over(1)});
  EXPECT_EQ(hear(peer, 7), "welcome");
  peer.say("thanks");
  ASSERT_TRUE(until([&] { return second.stepper.bytes == "thanks"; }));
  peer.close();
  ASSERT_TRUE(until([&] { return second.told("peer_done client0.1") == 1; }));
  second.carry_out({effect::Close{client, effect::CloseWhen::now}});
  EXPECT_EQ(second.heard(), (Told{"adopted parcel", "received client0.1", "peer_done client0.1",
                                  "closed client0.1"}));
  EXPECT_EQ(first.heard(), (Told{"accepted client0.1"})) << "it is not the first one's any more";
}

TEST_F(ShellsTest, AClientsSlotIsUsedAgainWithANewGeneration) {
  Peer gone = connect_client();
  first.carry_out({hand_over(1), effect::Send{client, bytes_of("to nobody")}});
  Peer next(connect_blocking(first.shell.listeners().endpoints().at(0)));
  ASSERT_TRUE(until([&] { return first.told("accepted client0.2") == 1; }));
  first.carry_out({effect::Send{client, bytes_of("to nobody")}});
  EXPECT_EQ(next.hear_now(), "");
  EXPECT_EQ(gone.hear_now(), "");
}

TEST_F(ShellsTest, BytesWaitInTheKernelForWhoAdopts) {
  Peer peer = connect_client();
  first.carry_out({effect::StopReading{client}});
  peer.say("unread ");
  first.settle();
  first.carry_out({hand_over(1)});
  peer.say("and more");
  first.settle();
  ASSERT_TRUE(until([&] { return second.stepper.bytes == "unread and more"; }))
      << second.stepper.bytes;
  EXPECT_EQ(second.heard().front(), "adopted parcel");
  EXPECT_EQ(first.stepper.bytes, "");
}

TEST_F(ShellsTest, AnAdoptedClientIsReadLittleAtOnce) {
  Peer peer = connect_client();
  first.carry_out({effect::ReadSize{client, true}, hand_over(1)});
  peer.say(std::string(2 * limits::client_read_size, 'x'));
  ASSERT_TRUE(until([&] { return second.stepper.bytes.size() == 2 * limits::client_read_size; }));
  EXPECT_EQ(second.told("received client0.1"), 2);
}

TEST_F(ShellsTest, WhatIsUnsentGoesAlong) {
  Peer peer = connect_client();
  second.stepper.script = [](const Event& e, Effects& out) {
    if (!std::holds_alternative<event::Adopted>(e)) return;
    // The failed connect is owed first, and must be told after Congested all the same.
    out.push_back(effect::Connect{server, Endpoint{.path = "/nowhere/at/all"}});
    out.push_back(effect::Send{client, bytes_of("end")});
  };
  first.carry_out({effect::Send{client, bytes_of(much)}, hand_over(1)});
  first.settle();
  EXPECT_EQ(first.heard(), (Told{"accepted client0.1"})) << "Congested is the other's to hear";
  second.shell.turn();
  EXPECT_EQ(second.heard(),
            (Told{"adopted parcel", "congested client0.1", "connect_failed server0.1 1"}));
  EXPECT_TRUE(hear(peer, much.size() + 3) == much + "end") << "bytes are lost or out of order";
  ASSERT_TRUE(until([&] { return second.told("drained client0.1") == 1; }));
  EXPECT_EQ(second.told("congested client0.1"), 1);
}

TEST_F(ShellsTest, WhatIsUnsentSurvivesManyMoves) {
  Peer peer = connect_client();
  int moves = 0;
  const auto pass_on = [&](std::uint8_t to) {
    return [&moves, to](const Event& e, Effects& out) {
      const auto* adopted = std::get_if<event::Adopted>(&e);
      if (adopted == nullptr) return;
      out.push_back(effect::Send{socket_of(adopted->client), bytes_of("x")});
      if (++moves == 6) return;
      out.push_back(effect::HandOver{socket_of(adopted->client), to, bytes_of("parcel")});
    };
  };
  first.stepper.script = pass_on(1);
  second.stepper.script = pass_on(0);
  first.carry_out({effect::Send{client, bytes_of(much)}, hand_over(1)});
  ASSERT_TRUE(until([&] { return moves == 6; }));
  EXPECT_TRUE(hear(peer, much.size() + 6) == much + "xxxxxx");
  peer.say("still here");
  EXPECT_TRUE(until([&] { return first.stepper.bytes == "still here"; }));
  EXPECT_EQ(second.told("congested client0.1"), 0) << "it was handed over in the same step";
  EXPECT_EQ(std::ranges::count_if(first.stepper.told,
                                  [](const std::string& e) { return e.starts_with("congested"); }),
            1);
}

TEST_F(ShellsTest, NothingMoreIsToldOfAClientThatIsClosedWhenAdopted) {
  Peer peer = connect_client();
  second.stepper.script = [](const Event& e, Effects& out) {
    if (!std::holds_alternative<event::Adopted>(e)) return;
    out.push_back(effect::Close{client, effect::CloseWhen::now});
  };
  first.carry_out({effect::Send{client, bytes_of(much)}, hand_over(1)});
  ASSERT_TRUE(until([&] { return second.told("closed client0.1") == 1; }));
  second.settle();
  EXPECT_EQ(second.heard(), (Told{"adopted parcel", "closed client0.1"}));
}

TEST_F(ShellsTest, APeerThatFinishesMeanwhileIsToldToWhoAdopts) {
  Peer peer = connect_client();
  first.carry_out({hand_over(1)});
  peer.say("last");
  peer.finish();
  ASSERT_TRUE(until([&] { return second.told("peer_done client0.1") == 1; }));
  EXPECT_EQ(second.heard(), (Told{"adopted parcel", "received client0.1", "peer_done client0.1"}));
  second.carry_out({effect::Send{client, bytes_of("answer")}});
  EXPECT_EQ(peer.hear_now(), "answer");
}

// For the new socket it is news.
TEST_F(ShellsTest, AnEndThatTheFirstHasHeardIsToldToTheOtherToo) {
  Peer peer = connect_client();
  peer.finish();
  ASSERT_TRUE(until([&] { return first.told("peer_done client0.1") == 1; }));
  first.carry_out({hand_over(1)});
  EXPECT_TRUE(until([&] { return second.told("peer_done client0.1") == 1; }));
}

class LostWhileMoving : public ShellsTest {
 protected:
  void SetUp() override {
    second.stepper.script = [&](const Event& e, Effects&) {
      if (const auto* hangup = std::get_if<event::Hangup>(&e)) why = hangup->why;
    };
  }
  void expect_one_hangup() {
    ASSERT_TRUE(until([&] { return second.told("hangup client0.1") == 1; }));
    second.settle();
    EXPECT_EQ(second.heard(), (Told{"adopted parcel", "hangup client0.1"}));
    EXPECT_EQ(why, Reason::reset);
    EXPECT_EQ(first.heard(), (Told{"accepted client0.1"}));
    second.carry_out({effect::Close{client, effect::CloseWhen::now}});
    EXPECT_EQ(second.told("closed client0.1"), 1);
  }

  Reason why = Reason::none;
};

TEST_F(LostWhileMoving, AResetIsToldToWhoAdopts) {
  Peer peer = connect_client();
  first.carry_out({hand_over(1)});
  peer.abort();
  expect_one_hangup();
}

TEST_F(LostWhileMoving, AResetWithBytesUnsentIsToldToWhoAdopts) {
  Peer peer = connect_client();
  first.carry_out({effect::Send{client, bytes_of(much)}, hand_over(1)});
  peer.abort();
  expect_one_hangup();
}

// The kernel tells of an error once: the first shell's send has used it up.
TEST_F(LostWhileMoving, AResetThatASendHasFoundGoesAlong) {
  Peer peer = connect_client();
  peer.abort();
  first.carry_out({effect::Send{client, bytes_of("x")}, hand_over(1)});
  expect_one_hangup();
}

TEST_F(LostWhileMoving, AHangupThatIsOwedGoesAlong) {
  Peer peer = connect_client();
  peer.abort();
  first.carry_out({effect::StopReading{client}, effect::Send{client, bytes_of("x")}, hand_over(1)});
  expect_one_hangup();
}

TEST_F(ShellsTest, NewSettingsReachBothWithTheirSecrets) {
  write_config("[databases]\n* = host=db\n[users]\nanna = pool_size=3\n[pgbouncer]\nauth_file = " +
               (folder_ / "users").string() + "\nlisten_addr = 127.0.0.1\nunix_socket_dir =\n");
  std::ofstream(folder_ / "users") << "\"anna\" \"pencil\"\n";
  for (Side* side : {&first, &second}) {
    side->stepper.script = [side](const Event& e, Effects& out) {
      const auto* reconfigured = std::get_if<event::Reconfigured>(&e);
      if (reconfigured == nullptr) return;
      const auto& users = reconfigured->settings.users;
      ASSERT_EQ(users.size(), 1U);
      EXPECT_EQ(side->vault.cleartext(users[0].credential), "pencil") << "before it is told";
      out.push_back(effect::Tell{1, bytes_of("after")});
    };
  }
  first.carry_out({effect::LoadSettings{}});
  ASSERT_TRUE(until([&] { return second.told("told after") == 2; }))
      << testing::PrintToString(first.stepper.told);
  EXPECT_EQ(first.heard(), (Told{"reconfigured"}));
  EXPECT_EQ(second.heard().front(), "reconfigured") << "before what the first says of them";
  EXPECT_EQ(second.told("reconfigured"), 1);
}

TEST_F(ShellsTest, OnlyTheFirstHearsOfSettingsThatAreRefused) {
  write_config("nonsense");
  first.carry_out({effect::LoadSettings{}});
  ASSERT_TRUE(until([&] { return first.told("refused") == 1; }));
  second.settle();
  EXPECT_EQ(second.heard(), Told{});
}

TEST_F(ShellsTest, NothingIsToldAfterTheEnd) {
  Peer peer = connect_client();
  mailboxes_[1].post({0, letter::Stop{3}});
  first.carry_out({effect::Tell{1, bytes_of("late")}, hand_over(1)});
  second.shell.turn();
  EXPECT_EQ(second.shell.exit_status(), 3);
  EXPECT_EQ(second.heard(), Told{});
  peer.hear_now();
  EXPECT_TRUE(peer.ended()) << "a client in an unopened letter must not be left open";
}

}  // namespace
}  // namespace pgweir::io
