// What every shell promises to the machine (core/event.h, core/effect.h), a sentence a test.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/base/limits.h"
#include "core/base/text.h"
#include "tests/contract/world.h"

namespace pgweir::contract {
namespace {

using effect::CloseWhen;
using Effects = Recorder::Effects;

constexpr SocketId client{SocketKind::client, 0, 1};
constexpr SocketId other_client{SocketKind::client, 1, 1};
constexpr SocketId server{SocketKind::server, 0, 1};

// More than any kernel and any simulated pipe takes at once; no two places of it look the same.
const std::string much = [] {
  std::string text;
  for (int i = 0; text.size() < 12'000'000; ++i) text += std::to_string(i) + ' ';
  return text;
}();

class Contract : public testing::TestWithParam<std::unique_ptr<World> (*)()> {
 protected:
  void SetUp() override {
    world_ = GetParam()();
    world_->begin();
  }
  Recorder& recorder() { return world_->recorder; }

  bool until(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      world_->turn();
    }
    return false;
  }
  testing::AssertionResult until_told(std::string_view what, long times = 1) {
    if (until([&] { return recorder().count(what) >= times; })) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "never told \"" << what << "\"; " << recorder().story();
  }
  // Time for what must not happen.
  void settle() {
    for (int i = 0; i < 8; ++i) world_->turn();
  }
  void carry_out(Effects effects) {
    recorder().wanted = std::move(effects);
    world_->poke();
  }
  std::unique_ptr<PeerEnd> accept_client(SocketId id = client) {
    carry_out({effect::Accepting{effect::Accept::on}});
    auto peer = world_->connect();
    EXPECT_TRUE(until_told("accepted " + name_of(id)));
    return peer;
  }
  std::unique_ptr<PeerEnd> connect_server(SocketId id = server) {
    carry_out({effect::Connect{id, world_->host()}});
    EXPECT_TRUE(until_told("connected " + name_of(id)));
    std::unique_ptr<PeerEnd> peer;
    EXPECT_TRUE(until([&] { return (peer = world_->next_at_host()) != nullptr; }));
    return peer;
  }
  testing::AssertionResult until_heard(PeerEnd& peer, const std::string& all) {
    std::string heard;
    until([&] {
      heard += peer.read();
      return heard.size() >= all.size();
    });
    if (heard == all) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "heard " << heard.size() << " bytes that are not the "
                                       << all.size() << " sent; " << recorder().story();
  }
  testing::AssertionResult until_received(SocketId id, const std::string& all) {
    until([&] { return recorder().bytes[id].size() >= all.size(); });
    if (recorder().bytes[id] == all) return testing::AssertionSuccess();
    return testing::AssertionFailure()
           << "received " << recorder().bytes[id].size() << " bytes that are not the " << all.size()
           << " written; " << recorder().story();
  }

  std::unique_ptr<World> world_;
};

TEST_P(Contract, TheWallClockIsToldFirst) {
  ASSERT_FALSE(recorder().told.empty());
  EXPECT_EQ(recorder().told.front(), "wall clock");
}

TEST_P(Contract, NobodyIsAcceptedBeforeTheMachineAccepts) {
  const auto peer = world_->connect();
  settle();
  EXPECT_EQ(recorder().count("accepted c0.1"), 0) << recorder().story();
  carry_out({effect::Accepting{effect::Accept::on}});
  EXPECT_TRUE(until_told("accepted c0.1"));
}

TEST_P(Contract, WhileAcceptingIsPausedClientsWait) {
  const auto first = accept_client();
  carry_out({effect::Accepting{effect::Accept::paused}});
  const auto second = world_->connect();
  settle();
  EXPECT_EQ(recorder().count("accepted c1.1"), 0) << recorder().story();
  carry_out({effect::Accepting{effect::Accept::on}});
  EXPECT_TRUE(until_told("accepted c1.1"));
}

TEST_P(Contract, AnAcceptForWhichThereIsNoDescriptorIsTold) {
  carry_out({effect::Accepting{effect::Accept::on}});
  world_->fail_next_accept();
  const auto peer = world_->connect();
  ASSERT_TRUE(until_told("accept failed out of descriptors"));
  EXPECT_TRUE(until_told("accepted c0.1")) << "it waits in the queue until there is one again";
}

TEST_P(Contract, BytesComeInOrder) {
  const auto peer = accept_client();
  for (const char* word : {"one ", "two ", "three"}) peer->write(word);
  EXPECT_TRUE(until_received(client, "one two three"));
}

TEST_P(Contract, BytesWrittenOneByOneComeInOrder) {
  const auto peer = accept_client();
  const std::string text = much.substr(0, 300);
  for (const char c : text) {
    peer->write(std::string_view(&c, 1));
    world_->turn();
  }
  EXPECT_TRUE(until_received(client, text));
}

TEST_P(Contract, ClientsAreReadLittleAtOnceUntilToldOtherwise) {
  const auto peer = accept_client();
  const std::string text = much.substr(0, 5 * limits::client_read_size);
  peer->write(text);
  ASSERT_TRUE(until_received(client, text));
  EXPECT_LE(recorder().largest, limits::client_read_size);
  carry_out({effect::ReadSize{client, true}});
  peer->write(text);
  ASSERT_TRUE(until_received(client, text + text));
  EXPECT_GT(recorder().largest, limits::client_read_size);
  EXPECT_LE(recorder().largest, limits::read_buffer_size);
}

TEST_P(Contract, NothingIsReadAfterStopReading) {
  recorder().script = [](const Event& event, Effects& out) {
    if (std::holds_alternative<event::Received>(event)) {
      out.emplace_back(effect::StopReading{client});
    }
  };
  const auto peer = accept_client();
  peer->write("first");
  ASSERT_TRUE(until_received(client, "first"));
  peer->write("second");
  settle();
  EXPECT_EQ(recorder().bytes[client], "first");
  carry_out({effect::ResumeReading{client}});
  EXPECT_TRUE(until_received(client, "firstsecond")) << "what came meanwhile waits for nobody";
}

TEST_P(Contract, OneReadIsAllThatComesWhenTheFirstStops) {
  recorder().script = [](const Event& event, Effects& out) {
    if (std::holds_alternative<event::Received>(event)) {
      out.emplace_back(effect::StopReading{client});
    }
  };
  const auto peer = accept_client();
  const std::string text = much.substr(0, 10 * limits::client_read_size);
  peer->write(text);
  ASSERT_TRUE(until([&] { return !recorder().bytes[client].empty(); }));
  settle();
  EXPECT_LE(recorder().bytes[client].size(), limits::client_read_size);
  recorder().script = nullptr;
  carry_out({effect::ResumeReading{client}});
  EXPECT_TRUE(until_received(client, text));
}

TEST_P(Contract, StopAndResumeInOneStepChangeNothing) {
  const auto peer = accept_client();
  carry_out({effect::StopReading{client}, effect::ResumeReading{client}});
  peer->write("text");
  EXPECT_TRUE(until_received(client, "text"));
}

TEST_P(Contract, PeerDoneComesOnceAndBehindAllBytes) {
  const auto peer = accept_client();
  const std::string text = much.substr(0, 100'000);
  peer->write(text);
  peer->finish();
  ASSERT_TRUE(until_told("peer done c0.1"));
  EXPECT_EQ(recorder().bytes[client], text);
  settle();
  EXPECT_EQ(recorder().count("peer done c0.1"), 1);
  EXPECT_EQ(recorder().count("hangup c0.1"), 0);
}

TEST_P(Contract, PeerDoneDoesNotOvertakeBytesNobodyReadYet) {
  const auto peer = accept_client();
  carry_out({effect::StopReading{client}});
  peer->write("last words");
  peer->finish();
  settle();
  EXPECT_EQ(recorder().count("peer done c0.1"), 0) << recorder().story();
  carry_out({effect::ResumeReading{client}});
  ASSERT_TRUE(until_told("peer done c0.1"));
  EXPECT_EQ(recorder().bytes[client], "last words");
}

TEST_P(Contract, PeerDoneIsToldWhileReadingIsStoppedIfNoBytesWait) {
  const auto peer = accept_client();
  carry_out({effect::StopReading{client}});
  peer->finish();
  EXPECT_TRUE(until_told("peer done c0.1"));
}

TEST_P(Contract, APeerThatIsDoneCanStillBeSentTo) {
  const auto peer = accept_client();
  peer->finish();
  ASSERT_TRUE(until_told("peer done c0.1"));
  carry_out({effect::Send{client, bytes_of("answer")}});
  EXPECT_TRUE(until_heard(*peer, "answer"));
}

TEST_P(Contract, AResetIsOneHangup) {
  const auto peer = accept_client();
  peer->reset();
  ASSERT_TRUE(until_told("hangup c0.1"));
  settle();
  EXPECT_EQ(recorder().count("hangup c0.1"), 1);
  EXPECT_EQ(recorder().count("closed c0.1"), 0) << "the machine closes, not the shell";
}

TEST_P(Contract, AResetIsToldWhileReadingIsStopped) {
  const auto peer = accept_client();
  carry_out({effect::StopReading{client}});
  peer->reset();
  EXPECT_TRUE(until_told("hangup c0.1"));
}

TEST_P(Contract, AResetIsToldAfterPeerDoneToo) {
  const auto peer = accept_client();
  peer->finish();
  ASSERT_TRUE(until_told("peer done c0.1"));
  peer->reset();
  EXPECT_TRUE(until_told("hangup c0.1"));
}

TEST_P(Contract, AfterAHangupSendsAreTakenAndCloseIsAnswered) {
  const auto peer = accept_client();
  peer->reset();
  ASSERT_TRUE(until_told("hangup c0.1"));
  carry_out(
      {effect::Send{client, bytes_of("too late")}, effect::Close{client, CloseWhen::when_sent}});
  ASSERT_TRUE(until_told("closed c0.1"));
  settle();
  EXPECT_EQ(recorder().told.back(), "closed c0.1") << recorder().story();
}

TEST_P(Contract, ClosedIsTheLastEventAndThereIsOne) {
  const auto peer = accept_client();
  peer->write("unread");
  carry_out({effect::StopReading{client}, effect::Close{client, CloseWhen::now}});
  peer->write("never read");
  ASSERT_TRUE(until_told("closed c0.1"));
  settle();
  EXPECT_EQ(recorder().count("closed c0.1"), 1);
  EXPECT_EQ(recorder().told.back(), "closed c0.1") << recorder().story();
  EXPECT_TRUE(until([&] {
    peer->read();
    return peer->ended();
  }));
}

TEST_P(Contract, AnOrderlyCloseSendsEverythingFirst) {
  const auto peer = accept_client();
  const std::string text = much.substr(0, 200'000);
  carry_out({effect::Send{client, bytes_of(text)}, effect::Close{client, CloseWhen::when_sent}});
  EXPECT_TRUE(until_heard(*peer, text));
  EXPECT_TRUE(until([&] { return peer->ended(); }));
  peer->finish();
  EXPECT_TRUE(until_told("closed c0.1"));
}

// PostgreSQL, that was told Terminate, counts its session up to then.
TEST_P(Contract, AnOrderlyCloseWaitsForThePeersEnd) {
  const auto peer = connect_server();
  carry_out({effect::Send{server, bytes_of("bye")}, effect::Close{server, CloseWhen::when_sent}});
  EXPECT_TRUE(until_heard(*peer, "bye"));
  EXPECT_TRUE(until([&] { return peer->ended(); })) << "it sends no more";
  EXPECT_EQ(recorder().count("closed s0.1"), 0) << "but it is still there";
  peer->finish();
  EXPECT_TRUE(until_told("closed s0.1"));
}

TEST_P(Contract, AnOrderlyCloseOfOneThatNeverReadsEnds) {
  const auto peer = accept_client();
  carry_out({effect::Send{client, bytes_of(much)}, effect::Close{client, CloseWhen::when_sent}});
  EXPECT_TRUE(until_told("closed c0.1"));
}

TEST_P(Contract, CloseWhileWritingDropsTheRestAndTellsNoDrained) {
  const auto peer = accept_client();
  carry_out({effect::Send{client, bytes_of(much)}});
  ASSERT_TRUE(until_told("congested c0.1"));
  carry_out({effect::Close{client, CloseWhen::now}});
  ASSERT_TRUE(until_told("closed c0.1"));
  until([&] {
    peer->read();
    return peer->ended();
  });
  EXPECT_EQ(recorder().count("drained c0.1"), 0);
  EXPECT_EQ(recorder().told.back(), "closed c0.1") << recorder().story();
}

TEST_P(Contract, CongestedComesBeforeAnyOtherEvent) {
  const auto first = accept_client();
  const auto second = accept_client(other_client);
  recorder().script = [](const Event& event, Effects& out) {
    const auto* received = std::get_if<event::Received>(&event);
    if (received == nullptr || received->socket != client) return;
    // A failure that is known at once, and more than can be sent.
    out.emplace_back(effect::Connect{server, Endpoint{.path = "/nowhere/at/all"}});
    out.emplace_back(effect::Send{client, bytes_of(much)});
  };
  first->write("go");
  second->write("me too");
  ASSERT_TRUE(until_told("congested c0.1"));
  EXPECT_EQ(recorder().place("congested c0.1"), recorder().place("received c0.1") + 1)
      << recorder().story();
}

TEST_P(Contract, DrainedComesOnceWhenAllIsSent) {
  const auto peer = accept_client();
  carry_out({effect::Send{client, bytes_of(much)}, effect::Send{client, bytes_of("end")}});
  ASSERT_TRUE(until_told("congested c0.1"));
  settle();
  EXPECT_EQ(recorder().count("drained c0.1"), 0) << "nobody reads";
  EXPECT_TRUE(until_heard(*peer, much + "end"));
  EXPECT_TRUE(until_told("drained c0.1"));
  settle();
  EXPECT_EQ(recorder().count("congested c0.1"), 1);
  EXPECT_EQ(recorder().count("drained c0.1"), 1);
}

TEST_P(Contract, WhatIsSentAtOnceCongestsNobody) {
  const auto peer = accept_client();
  carry_out({effect::Send{client, bytes_of("short")}});
  EXPECT_TRUE(until_heard(*peer, "short"));
  settle();
  EXPECT_EQ(recorder().count("congested c0.1"), 0);
}

TEST_P(Contract, SendsWhileCongestedKeepTheirPlace) {
  const auto peer = accept_client();
  carry_out({effect::Send{client, bytes_of(much)}});
  ASSERT_TRUE(until_told("congested c0.1"));
  carry_out({effect::Send{client, bytes_of("behind it")}});
  EXPECT_TRUE(until_heard(*peer, much + "behind it"));
  EXPECT_TRUE(until_told("drained c0.1"));
  EXPECT_EQ(recorder().count("congested c0.1"), 1) << "it was congested all along";
}

TEST_P(Contract, SendsOfOneStepArriveInOrderWhateverTheMixOfSockets) {
  const auto first = accept_client();
  const auto second = accept_client(other_client);
  carry_out({effect::Send{client, bytes_of("a")}, effect::Send{other_client, bytes_of("x")},
             effect::Send{client, bytes_of("b")}, effect::Send{client, bytes_of("c")}});
  EXPECT_TRUE(until_heard(*first, "abc"));
  EXPECT_TRUE(until_heard(*second, "x"));
}

TEST_P(Contract, OneThatDoesNotReadKeepsNobodyElse) {
  const auto lazy = accept_client();
  const auto lively = accept_client(other_client);
  carry_out({effect::Send{client, bytes_of(much)}});
  ASSERT_TRUE(until_told("congested c0.1"));
  lively->write("hello");
  EXPECT_TRUE(until_received(other_client, "hello"));
}

TEST_P(Contract, AClosedClientsSlotComesAgainWithAnotherGeneration) {
  const auto first = accept_client();
  carry_out({effect::Close{client, CloseWhen::now}});
  ASSERT_TRUE(until_told("closed c0.1"));
  const auto second = world_->connect();
  EXPECT_TRUE(until_told("accepted c0.2"));
}

TEST_P(Contract, AServerIsConnectedToAndTalksBothWays) {
  const auto peer = connect_server();
  carry_out({effect::Send{server, bytes_of("question")}});
  EXPECT_TRUE(until_heard(*peer, "question"));
  peer->write("answer");
  EXPECT_TRUE(until_received(server, "answer"));
}

TEST_P(Contract, AServerIsReadMuchAtOnce) {
  const auto peer = connect_server();
  peer->write(much.substr(0, 100'000));
  EXPECT_TRUE(until_received(server, much.substr(0, 100'000)));
  EXPECT_GT(recorder().largest, limits::client_read_size);
  EXPECT_LE(recorder().largest, limits::read_buffer_size);
}

TEST_P(Contract, ARefusedConnectIsToldAndIsTheSocketsLastEvent) {
  carry_out({effect::Connect{server, world_->nobody()}});
  ASSERT_TRUE(until_told("connect failed s0.1 refused"));
  settle();
  EXPECT_EQ(recorder().count("closed s0.1"), 0) << recorder().story();
}

TEST_P(Contract, AConnectThatIsClosedIsToldClosedAndNothingElse) {
  carry_out({effect::Connect{server, world_->host()}, effect::Close{server, CloseWhen::when_sent}});
  ASSERT_TRUE(until_told("closed s0.1"));
  settle();
  EXPECT_EQ(recorder().count("connected s0.1"), 0) << recorder().story();
  EXPECT_EQ(recorder().count("connect failed s0.1 refused"), 0) << recorder().story();
}

TEST_P(Contract, EveryQuestionToTheResolverHasOneAnswer) {
  const std::string impossible(300, 'n');
  carry_out({effect::Resolve{1, "127.0.0.1", 5432}, effect::Resolve{2, impossible, 5432}});
  ASSERT_TRUE(until_told("resolved 2 name unknown"));
  ASSERT_TRUE(until_told("resolved 1"));
  settle();
  EXPECT_EQ(recorder().count("resolved 1"), 1);
  EXPECT_EQ(recorder().count("resolved 2 name unknown"), 1);
}

TEST_P(Contract, AnAddressIsResolvedToItselfWithItsPort) {
  carry_out({effect::Resolve{1, "127.0.0.1", 5432}});
  ASSERT_TRUE(until_told("resolved 1"));
  ASSERT_EQ(recorder().resolved.size(), 1u);
  EXPECT_EQ(recorder().resolved[0], (Endpoint{Endpoint::Family::ipv4, 5432, {127, 0, 0, 1}, {}}));
}

TEST_P(Contract, EveryDerivationHasOneAnswer) {
  const CredentialId secret = world_->secret();
  carry_out({effect::Derive{1, secret, bytes_of("salt"), 10}, effect::Derive{2, secret, {}, 0},
             effect::Derive{3, no_credential, {}, 0}});
  ASSERT_TRUE(until_told("derived 1"));
  ASSERT_TRUE(until_told("derived 2"));
  ASSERT_TRUE(until_told("derived 3 not"));
  settle();
  EXPECT_EQ(recorder().count("derived 1"), 1);
  EXPECT_EQ(recorder().count("derived 2"), 1);
  EXPECT_EQ(recorder().count("derived 3 not"), 1);
}

TEST_P(Contract, EveryLoadOfSettingsHasOneAnswer) {
  carry_out({effect::LoadSettings{}, effect::LoadSettings{}});
  EXPECT_TRUE(until_told("refused", 2));
  settle();
  EXPECT_EQ(recorder().count("refused"), 2);
}

TEST_P(Contract, TheMachineIsWokenWhenItsDeadlineHasComeAndNotBefore) {
  Instant due{};
  Instant woken{};
  recorder().script = [&](const Event& event, Effects&) {
    if (std::holds_alternative<event::Commanded>(event)) {
      due = after(recorder().now, std::chrono::milliseconds(50));
      recorder().wake = Wake{due, "test"};
    }
    if (std::holds_alternative<event::Woke>(event)) woken = recorder().now;
  };
  world_->poke();
  ASSERT_TRUE(until_told("woke"));
  EXPECT_GE(woken, due);
  settle();
  EXPECT_EQ(recorder().count("woke"), 1) << "it asked for one";
}

TEST_P(Contract, AcceptingThatHasEndedRefusesWhoComesLater) {
  const auto first = accept_client();
  carry_out({effect::Accepting{effect::Accept::ended}});
  first->write("still here");
  EXPECT_TRUE(until_received(client, "still here"));
  EXPECT_EQ(recorder().count("accepted c1.1"), 0);
}

TEST_P(Contract, WhatIsToldAndHandedOverComesInItsOrder) {
  const auto peer = accept_client();
  carry_out({effect::Tell{1, bytes_of("a")}, effect::HandOver{client, 1, bytes_of("parcel")},
             effect::Tell{1, bytes_of("b")}});
  ASSERT_TRUE(until([&] { return world_->other.count("told by 0: b") == 1; }));
  const std::vector<std::string> heard(world_->other.told.begin() + 1, world_->other.told.end());
  EXPECT_EQ(heard,
            (std::vector<std::string>{"told by 0: a", "adopted from 0: parcel", "told by 0: b"}));
}

TEST_P(Contract, WhoHandedASocketOverHearsNothingMoreOfIt) {
  const auto peer = accept_client();
  carry_out({effect::HandOver{client, 1, bytes_of("parcel")}});
  const std::size_t heard = recorder().told.size();
  peer->write("hello");
  ASSERT_TRUE(until([&] { return world_->other.bytes[world_->other.adopted] == "hello"; }))
      << world_->other.story();
  peer->finish();
  ASSERT_TRUE(until([&] {
    return world_->other.count("peer done " + name_of(world_->other.adopted)) == 1;
  })) << world_->other.story();
  EXPECT_EQ(recorder().told.size(), heard) << recorder().story();
}

TEST_P(Contract, WhatWaitsForASocketGoesWithIt) {
  const auto peer = accept_client();
  carry_out({effect::StopReading{client}});
  peer->write("unread");
  carry_out({effect::Send{client, bytes_of(much)}, effect::HandOver{client, 1, bytes_of("")}});
  std::string heard;
  ASSERT_TRUE(until([&] {
    heard += peer->read();
    return heard.size() >= much.size();
  }));
  EXPECT_EQ(heard, much);
  const std::string name = name_of(world_->other.adopted);
  ASSERT_TRUE(until([&] { return world_->other.count("drained " + name) == 1; }))
      << world_->other.story() << recorder().story();
  ASSERT_TRUE(until([&] { return world_->other.bytes[world_->other.adopted] == "unread"; }));
  EXPECT_LT(world_->other.place("adopted from 0: "), world_->other.place("congested " + name));
  EXPECT_LT(world_->other.place("congested " + name), world_->other.place("received " + name));
}

TEST_P(Contract, ASocketThatWasHandedOverMakesRoomForAnother) {
  const auto first = accept_client();
  carry_out({effect::HandOver{client, 1, bytes_of("")}});
  ASSERT_TRUE(until([&] { return world_->other.count("adopted from 0: ") == 1; }));
  const auto second = world_->connect();
  ASSERT_TRUE(until([&] {
    const auto accepted = [](const std::string& what) { return what.starts_with("accepted"); };
    return std::ranges::count_if(recorder().told, accepted) == 2;
  })) << recorder().story();
  EXPECT_EQ(recorder().count("closed " + name_of(client)), 0);
}

TEST_P(Contract, AServerThatWasHandedOverGoesByTheNameItIsTakenBy) {
  const auto peer = connect_server();
  carry_out({effect::Tell{1, bytes_of("a")}, effect::HandOver{server, 1, bytes_of("parcel")}});
  const std::size_t heard = recorder().told.size();
  peer->write("hello");
  ASSERT_TRUE(until([&] { return world_->other.count("arrived from 0: parcel") == 1; }));
  const SocketId taken = world_->other.adopted;
  ASSERT_TRUE(until([&] { return world_->other.bytes[taken] == "hello"; }))
      << world_->other.story();
  EXPECT_LT(world_->other.place("told by 0: a"), world_->other.place("arrived from 0: parcel"));
  peer->finish();
  ASSERT_TRUE(until([&] { return world_->other.count("peer done " + name_of(taken)) == 1; }))
      << world_->other.story();
  EXPECT_EQ(recorder().told.size(), heard) << recorder().story();
  const auto next = connect_server({SocketKind::server, server.slot, server.generation + 1});
  EXPECT_EQ(recorder().count("closed " + name_of(server)), 0) << "its place is free, and no more";
}

TEST_P(Contract, WhatIsUnsentForAServerGoesWithIt) {
  const auto peer = connect_server();
  carry_out({effect::Send{server, bytes_of(much)}, effect::HandOver{server, 1, bytes_of("")}});
  EXPECT_TRUE(until_heard(*peer, much));
  const std::string name = name_of(world_->other.adopted);
  EXPECT_TRUE(until([&] { return world_->other.count("drained " + name) == 1; }))
      << world_->other.story() << recorder().story();
}

TEST_P(Contract, AServerThatEndsOnItsWayIsToldWhereItArrives) {
  const auto peer = connect_server();
  peer->reset();
  carry_out({effect::HandOver{server, 1, bytes_of("")}});
  ASSERT_TRUE(until([&] { return world_->other.count("arrived from 0: ") == 1; }));
  const std::string name = name_of(world_->other.adopted);
  const auto ended = [&](const std::string& what) { return what.starts_with("hangup " + name); };
  EXPECT_TRUE(until([&] { return std::ranges::count_if(world_->other.told, ended) == 1; }))
      << world_->other.story();
}

TEST_P(Contract, ExitEndsTheShellWithItsStatus) {
  const auto peer = accept_client();
  carry_out({effect::Exit{3}});
  EXPECT_EQ(world_->exit_status(), 3);
}

std::string name_of_world(const testing::TestParamInfo<std::unique_ptr<World> (*)()>& info) {
  return info.index == 0 ? "Simulated" : "Libuv";
}

INSTANTIATE_TEST_SUITE_P(BothShells, Contract, testing::Values(&simulated_world, &libuv_world),
                         name_of_world);

}  // namespace
}  // namespace pgweir::contract
