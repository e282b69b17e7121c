// The promises of core/event.h, kept with real sockets.
#include "io/shell.h"

#include <cerrno>
#include <cstring>

#include "core/base/limits.h"
#include "shell_fixture.h"

namespace pgweir::io {
namespace {

using Told = std::vector<std::string>;
using effect::CloseWhen;

TEST_F(ShellTest, TellsTheWallClockFirstAndThenWhatClientsSay) {
  begin();
  Peer peer = connect_client();
  peer.say("hello");
  ASSERT_TRUE(until_told("received client0.1"));
  EXPECT_EQ(stepper_.told, (Told{"wall_clock", "accepted client0.1", "received client0.1"}));
  EXPECT_EQ(stepper_.bytes, "hello");
}

TEST_F(ShellTest, AcceptsNothingBeforeItIsTold) {
  begin();
  carry_out({effect::Accepting{effect::Accept::paused}});
  Peer peer(connect_blocking(listening()));
  settle();
  EXPECT_EQ(told("accepted client0.1"), 0);
  carry_out({effect::Accepting{effect::Accept::on}});
  EXPECT_TRUE(until_told("accepted client0.1"));
}

TEST_F(ShellTest, TellsBothEndsOfAnAcceptedSocket) {
  Endpoint peer_told;
  Endpoint local_told;
  stepper_.script = [&](const Event& e, auto&) {
    if (const auto* accepted = std::get_if<event::Accepted>(&e)) {
      peer_told = accepted->peer;
      local_told = accepted->local;
      EXPECT_FALSE(accepted->uid);
    }
  };
  begin();
  Peer peer = connect_client();
  EXPECT_EQ(local_told, listening());
  EXPECT_EQ(peer_told, local_endpoint(peer.fd()));
}

TEST_F(ShellTest, SendsInOrderWhateverTheMixOfSockets) {
  begin();
  Peer first = connect_client();
  Peer second = connect_client();
  const SocketId other{SocketKind::client, 1, 1};
  carry_out({effect::Send{client, bytes_of("a")}, effect::Send{client, bytes_of("b")},
             effect::Send{other, bytes_of("x")}, effect::Send{client, {}},
             effect::Send{client, bytes_of("c")}});
  EXPECT_EQ(first.hear_now(), "abc");
  EXPECT_EQ(second.hear_now(), "x");
}

TEST_F(ShellTest, ReadsClientsLittleAtOnceUntilToldOtherwise) {
  std::size_t largest = 0;
  stepper_.script = [&](const Event& e, auto&) {
    if (const auto* received = std::get_if<event::Received>(&e)) {
      largest = std::max(largest, received->bytes.size());
    }
  };
  begin();
  Peer peer = connect_client();
  peer.say(std::string(3 * limits::client_read_size, 'x'));
  ASSERT_TRUE(until([&] { return stepper_.bytes.size() == 3 * limits::client_read_size; }));
  EXPECT_EQ(largest, limits::client_read_size);
  carry_out({effect::ReadSize{client, true}});
  peer.say(std::string(3 * limits::client_read_size, 'x'));
  ASSERT_TRUE(until([&] { return stepper_.bytes.size() == 6 * limits::client_read_size; }));
  EXPECT_GT(largest, limits::client_read_size);
}

// A read stops at an urgent byte, however much there is behind it.
TEST_F(ShellTest, ReadsOnBehindAnUrgentByte) {
  begin();
  Peer peer = connect_client();
  ASSERT_EQ(::send(peer.fd(), "first!", 6, MSG_OOB), 6);
  peer.say("second");
  EXPECT_TRUE(until([&] { return stepper_.bytes == "firstsecond"; })) << stepper_.bytes;
}

TEST_F(ShellTest, TellsCongestedBeforeAllElseAndDrainedOnce) {
  begin();
  Peer peer = connect_client();
  const std::size_t before = stepper_.told.size();
  // The failed connect is owed first, and must be told after Congested all the same.
  carry_out({effect::Connect{server, Endpoint{.path = "/nowhere/at/all"}},
             effect::Send{client, bytes_of(much)}, effect::Send{client, bytes_of("end")}});
  const Told since(stepper_.told.begin() + static_cast<std::ptrdiff_t>(before),
                   stepper_.told.end());
  EXPECT_EQ(since, (Told{"woke", "congested client0.1", "connect_failed server0.1 1"}));

  carry_out({effect::Send{client, bytes_of(" of all")}});
  std::string heard;
  ASSERT_TRUE(until([&] {
    heard += peer.hear_now();
    return heard.size() == much.size() + 10;
  })) << heard.size();
  EXPECT_TRUE(heard == much + "end of all") << "bytes came in another order";
  EXPECT_TRUE(until_told("drained client0.1"));
  settle();
  EXPECT_EQ(told("congested client0.1"), 1);
  EXPECT_EQ(told("drained client0.1"), 1);
}

TEST_F(ShellTest, StopsReadingAndResumesWithoutLosingBytes) {
  begin();
  Peer peer = connect_client();
  carry_out({effect::StopReading{client}});
  peer.say("kept");
  settle();
  EXPECT_EQ(stepper_.bytes, "");
  carry_out({effect::ResumeReading{client}});
  ASSERT_TRUE(until_told("received client0.1"));
  EXPECT_EQ(stepper_.bytes, "kept");
}

TEST_F(ShellTest, TellsPeerDoneOnceAndStillSends) {
  begin();
  Peer peer = connect_client();
  peer.say("last");
  peer.finish();
  ASSERT_TRUE(until_told("peer_done client0.1"));
  EXPECT_EQ(stepper_.bytes, "last");
  settle();
  EXPECT_EQ(told("peer_done client0.1"), 1);
  EXPECT_EQ(told("hangup client0.1"), 0) << "a closed half is no lost connection";
  carry_out({effect::Send{client, bytes_of("answer")}});
  EXPECT_EQ(peer.hear_now(), "answer");
}

TEST_F(ShellTest, TellsPeerDoneWhileStoppedWhenNoBytesWait) {
  begin();
  Peer peer = connect_client();
  carry_out({effect::StopReading{client}});
  peer.finish();
  EXPECT_TRUE(until_told("peer_done client0.1"));
}

TEST_F(ShellTest, KeepsPeerDoneBehindTheBytesNobodyReadYet) {
  begin();
  Peer peer = connect_client();
  carry_out({effect::StopReading{client}});
  peer.say("first");
  settle();
  peer.finish();
  settle();
  EXPECT_EQ(told("peer_done client0.1"), 0) << "bytes of the peer are still unread";
  carry_out({effect::ResumeReading{client}});
  ASSERT_TRUE(until_told("peer_done client0.1"));
  EXPECT_EQ(stepper_.bytes, "first");
}

TEST_F(ShellTest, DoesNotSpinOnAnEndThatItCannotTellYet) {
  begin();
  Peer peer = connect_client();
  carry_out({effect::StopReading{client}});
  peer.say("unread");
  peer.finish();
  settle();
  // Only the ticker wakes the loop now: a loop that spins makes far more turns than ticks.
  static int ticks;
  ticks = 0;
  uv_timer_start(&ticker_, [](uv_timer_t*) { ++ticks; }, 5, 5);
  for (int i = 0; i < 20; ++i) shell_->turn();
  EXPECT_GE(ticks, 10);
}

TEST_F(ShellTest, TellsHangupOnceOnAReset) {
  begin();
  Peer peer = connect_client();
  peer.abort();
  ASSERT_TRUE(until_told("hangup client0.1"));
  settle();
  EXPECT_EQ(told("hangup client0.1"), 1);
  carry_out({effect::Send{client, bytes_of("x")}});
  EXPECT_EQ(told("hangup client0.1"), 1) << "sending to it must not tell it again";
}

TEST_F(ShellTest, TellsHangupWhileReadingIsStopped) {
  begin();
  Peer peer = connect_client();
  carry_out({effect::StopReading{client}});
  peer.say("unread");
  settle();
  peer.abort();
  EXPECT_TRUE(until_told("hangup client0.1"));
}

TEST_F(ShellTest, TellsHangupAfterPeerDoneToo) {
  begin();
  Peer peer = connect_client();
  peer.finish();
  ASSERT_TRUE(until_told("peer_done client0.1"));
  peer.close();
  // The peer's kernel answers what we send with a reset.
  carry_out({effect::Send{client, bytes_of("x")}});
  EXPECT_TRUE(until_told("hangup client0.1"));
}

TEST_F(ShellTest, TellsClosedOnceAndLastAfterCloseNow) {
  begin();
  Peer peer = connect_client();
  peer.say("never read");
  carry_out({effect::StopReading{client}});
  carry_out({effect::Send{client, bytes_of("bye")}, effect::Close{client, CloseWhen::now},
             effect::Close{client, CloseWhen::now}, effect::Send{client, bytes_of("late")}});
  settle();
  EXPECT_EQ(told("closed client0.1"), 1);
  EXPECT_EQ(stepper_.told.back(), "closed client0.1");
}

TEST_F(ShellTest, GivesAClosedClientsSlotToTheNextWithAnotherGeneration) {
  begin();
  Peer first = connect_client();
  carry_out({effect::Close{client, CloseWhen::now}});
  Peer second = connect_client();
  EXPECT_EQ(stepper_.told.back(), "accepted client0.2");
  carry_out({effect::Send{client, bytes_of("for the dead")}});
  EXPECT_EQ(second.hear_now(), "") << "a late effect reached a stranger";
}

TEST_F(ShellTest, SendsAllBeforeAnOrderlyClose) {
  begin();
  Peer peer = connect_client();
  carry_out({effect::Send{client, bytes_of(much)}, effect::Close{client, CloseWhen::when_sent}});
  EXPECT_EQ(told("congested client0.1"), 0) << "only Closed may follow a Close";
  std::string heard;
  ASSERT_TRUE(until([&] {
    heard += peer.hear_now();
    return peer.ended();
  }));
  EXPECT_EQ(heard.size(), much.size());
  peer.close();
  EXPECT_TRUE(until_told("closed client0.1"));
}

TEST_F(ShellTest, DeliversLastWordsToAClientWhoseBytesAreUnread) {
  begin();
  Peer peer = connect_client();
  carry_out({effect::StopReading{client}});
  peer.say(std::string(100'000, 'q'));
  carry_out(
      {effect::Send{client, bytes_of("last words")}, effect::Close{client, CloseWhen::when_sent}});
  settle();
  EXPECT_EQ(peer.hear_now(), "last words");
  EXPECT_EQ(peer.hear_now(), "");
  EXPECT_TRUE(peer.ended()) << "a reset would destroy the message on its way";
  peer.close();
  EXPECT_TRUE(until_told("closed client0.1"));
}

TEST_F(ShellTest, ClosesAPeerThatNeverReadsAfterTheLinger) {
  begin();
  Peer peer = connect_client();
  carry_out({effect::Send{client, bytes_of(much)}, effect::Close{client, CloseWhen::when_sent}});
  EXPECT_TRUE(until_told("closed client0.1"));
}

TEST_F(ShellTest, ConnectsAndTalksToAServer) {
  begin();
  // The shell's own listening socket is the server: its accepted end is a client.
  carry_out({effect::Connect{server, listening()}});
  ASSERT_TRUE(until_told("connected server0.1"));
  ASSERT_TRUE(until_told("accepted client0.1"));
  carry_out({effect::Send{server, bytes_of("question")}});
  ASSERT_TRUE(until_told("received client0.1"));
  carry_out({effect::Send{client, bytes_of("answer")}});
  ASSERT_TRUE(until_told("received server0.1"));
  EXPECT_EQ(stepper_.bytes, "questionanswer");
}

TEST_F(ShellTest, TellsWhyAConnectFailed) {
  begin();
  const Endpoint nobody = [] {
    // A port that was free a moment ago: bound, never listening.
    const Descriptor bound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    Endpoint any{Endpoint::Family::ipv4, 0, {127, 0, 0, 1}, {}};
    const auto address = address_of(any).value();
    EXPECT_EQ(::bind(bound.get(), address.get(), address.size), 0);
    return local_endpoint(bound.get());
  }();
  carry_out({effect::Connect{server, nobody}});
  EXPECT_TRUE(until_told(join("connect_failed server0.1 ", static_cast<int>(Reason::refused))));
  settle();
  EXPECT_EQ(told("closed server0.1"), 0) << "ConnectFailed is the socket's last event";
}

TEST_F(ShellTest, TellsOnlyClosedOfAConnectThatWasClosed) {
  begin();
  carry_out({effect::Connect{server, listening()}, effect::Close{server, CloseWhen::when_sent}});
  ASSERT_TRUE(until_told("closed server0.1"));
  const SocketId next{SocketKind::server, 0, 2};
  carry_out({effect::Connect{next, Endpoint{.path = "/nowhere/at/all"}},
             effect::Close{next, CloseWhen::now}});
  settle();
  EXPECT_EQ(told("connected server0.1"), 0);
  EXPECT_EQ(told("closed server0.2"), 1);
  EXPECT_EQ(told("connect_failed server0.2 1"), 0);
}

TEST_F(ShellTest, ResolvesNumbersAndRefusesImpossibleNames) {
  std::vector<Endpoint> found;
  stepper_.script = [&](const Event& e, auto&) {
    if (const auto* resolved = std::get_if<event::Resolved>(&e)) {
      found.insert(found.end(), resolved->addresses.begin(), resolved->addresses.end());
    }
  };
  begin();
  const std::string long_name(Resolver::name_size_max + 1, 'n');
  carry_out({effect::Resolve{1, "127.0.0.1", 5432}, effect::Resolve{2, long_name, 5432}});
  ASSERT_TRUE(until_told("resolved 1 0"));
  ASSERT_TRUE(until_told(join("resolved 2 ", static_cast<int>(Reason::name_unknown))));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0], (Endpoint{Endpoint::Family::ipv4, 5432, {127, 0, 0, 1}, {}}));
}

TEST_F(ShellTest, DerivesOffTheLoopAndAnswersEveryTicket) {
  settings_.users.emplace_back().credential = 1;
  vault_.adopt({{auth::SecretKind::plain, "pencil"}}, settings_);
  const CredentialId id = settings_.users[0].credential;
  begin();
  carry_out({effect::Derive{1, id, {}, 0}, effect::Derive{2, id, bytes_of("salt"), 10},
             effect::Derive{3, no_credential, {}, 0}});
  EXPECT_TRUE(until_told("derived 1 1"));
  EXPECT_TRUE(until_told("derived 2 1"));
  EXPECT_TRUE(until_told("derived 3 0"));
  EXPECT_TRUE(vault_.verifier_ready(id));
  EXPECT_TRUE(vault_.key_ready(id, bytes_of("salt"), 10));
}

TEST_F(ShellTest, WakesWhenTheDeadlineHasCome) {
  begin();
  stepper_.wake = Wake{stepper_.now() + 30ms, "test"};
  const Instant due = stepper_.wake->at;
  shell_->settle();
  stepper_.script = [&](const Event& e, auto&) {
    if (std::holds_alternative<event::Woke>(e)) stepper_.wake.reset();
  };
  ASSERT_TRUE(until_told("woke"));
  EXPECT_GE(stepper_.now(), due) << "woken too early";
}

TEST_F(ShellTest, AnswersEveryLoadOfUnreadableSettings) {
  begin();
  carry_out({effect::LoadSettings{}, effect::LoadSettings{}});
  EXPECT_TRUE(until([&] { return told("refused") == 2; })) << "each load has one answer";
}

TEST_F(ShellTest, EndsWithTheStatusOfExit) {
  begin();
  carry_out({effect::Exit{3}});
  EXPECT_EQ(shell_->exit_status(), 3);
}

}  // namespace
}  // namespace pgweir::io
