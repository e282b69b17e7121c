#include "core/codec.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace pgweir {
namespace {

struct Kept final : ByteSink {
  void add(Bytes bytes) override { all.insert(all.end(), bytes.begin(), bytes.end()); }
  std::vector<std::byte> all;
};

template <class Value>
std::vector<std::byte> encoded(const Value& value) {
  Kept kept;
  encode(value, kept);
  return kept.all;
}

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> out;
  for (int value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

constexpr SocketId client{SocketKind::client, 1, 2};
constexpr SocketId server{SocketKind::server, 1, 2};

TEST(CodecTest, the_layout_is_tag_then_fields_little_endian_with_lengths) {
  EXPECT_EQ(encoded(Event(event::Received{client, bytes_of("ab")})),
            bytes({2, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 'a', 'b'}));
  EXPECT_EQ(encoded(Effect(effect::Exit{0x01020304})), bytes({14, 4, 3, 2, 1}));
}

TEST(CodecTest, what_is_long_comes_in_its_place) {
  const std::string text(1000, 'x');
  std::vector<std::byte> expected = bytes({2, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0xe8, 3, 0, 0});
  expected.insert(expected.end(), text.size(), std::byte{'x'});
  EXPECT_EQ(encoded(Event(event::Received{client, bytes_of(text)})), expected);
}

TEST(CodecTest, different_events_differ) {
  const std::vector<Endpoint> one{{Endpoint::Family::ipv4, 5432, {10, 0, 0, 1}, ""}};
  const std::vector<Endpoint> two{one[0], {Endpoint::Family::unix_socket, 0, {}, "/tmp/s"}};
  const std::vector<Event> events{
      event::Accepted{{1, 1}, one[0], two[1], std::nullopt},
      event::Accepted{{1, 1}, one[0], two[1], 0u},
      event::Accepted{{1, 1}, two[1], one[0], 0u},
      event::Accepted{{2, 1}, one[0], two[1], 0u},
      event::AcceptFailed{Reason::out_of_descriptors},
      event::AcceptFailed{Reason::other},
      event::Received{client, bytes_of("a")},
      event::Received{client, bytes_of("b")},
      event::Received{server, bytes_of("a")},
      event::PeerDone{client},
      event::PeerDone{server},
      event::Hangup{client, Reason::reset},
      event::Hangup{client, Reason::none},
      event::Congested{client},
      event::Drained{client},
      event::Connected{server, one[0]},
      event::Connected{server, two[1]},
      event::ConnectFailed{server, Reason::refused},
      event::Closed{server, Reason::refused},
      event::Adopted{{1, 1}, 0, bytes_of("a")},
      event::Adopted{{1, 1}, 1, bytes_of("a")},
      event::Arrived{0, bytes_of("a")},
      event::Arrived{1, bytes_of("a")},
      event::Told{0, bytes_of("a")},
      event::Told{1, bytes_of("a")},
      event::Resolved{1, one, Reason::none},
      event::Resolved{1, two, Reason::none},
      event::Resolved{2, {}, Reason::name_unknown},
      event::Derived{1, true},
      event::Derived{1, false},
      event::Derived{2, true},
      event::Reconfigured{Settings{}},
      event::Refused{"line 1"},
      event::Refused{"line 2"},
      event::Commanded{event::Command::drain},
      event::Commanded{event::Command::reload},
      event::WallClock{1ns},
      event::WallClock{-1ns},
      event::Woke{},
  };
  std::set<std::vector<std::byte>> seen;
  for (const Event& event : events) {
    EXPECT_TRUE(seen.insert(encoded(event)).second)
        << "two different events have one encoding; look at alternative " << event.index();
    EXPECT_EQ(encoded(event), encoded(Event(event)));
  }
}

TEST(CodecTest, different_effects_differ) {
  Endpoint to{Endpoint::Family::ipv4, 5432, {10, 0, 0, 1}, ""};
  Endpoint other = to;
  other.address[15] = 1;
  Note note{NoteKind::client_login, Level::info};
  Note noted = note;
  noted.sqlstate = "57014";
  Note valued = note;
  valued.value = -1;
  const std::vector<Effect> effects{
      effect::Send{client, bytes_of("a")},
      effect::Send{client, bytes_of("")},
      effect::StopReading{client},
      effect::ResumeReading{client},
      effect::ReadSize{client, true},
      effect::ReadSize{client, false},
      effect::Accepting{effect::Accept::on},
      effect::Accepting{effect::Accept::paused},
      effect::Close{client, effect::CloseWhen::now},
      effect::Close{client, effect::CloseWhen::when_sent},
      effect::Connect{server, to},
      effect::Connect{server, other},
      effect::HandOver{client, 1, bytes_of("a")},
      effect::HandOver{client, 1, bytes_of("")},
      effect::Take{server},
      effect::Tell{1, bytes_of("a")},
      effect::Tell{2, bytes_of("a")},
      effect::Resolve{1, "ab", 1},
      effect::Resolve{1, "a", 1},
      effect::Derive{1, 2, bytes_of("salt"), 4096},
      effect::Derive{1, 2, bytes_of(""), 4096},
      effect::LoadSettings{},
      note,
      noted,
      valued,
      effect::Exit{0},
      effect::Exit{1},
  };
  std::set<std::vector<std::byte>> seen;
  for (const Effect& effect : effects) {
    EXPECT_TRUE(seen.insert(encoded(effect)).second)
        << "two different effects have one encoding; look at alternative " << effect.index();
  }
}

TEST(CodecTest, settings_that_differ_anywhere_differ) {
  std::vector<Settings> all(1);
  const auto changed = [&](auto change) {
    Settings settings;
    change(settings);
    all.push_back(settings);
  };
  changed([](Settings& s) { s.listen_addr = {"*"}; });
  changed([](Settings& s) { s.unix_socket_mode = 0700; });
  changed([](Settings& s) { s.machines = 2; });
  changed([](Settings& s) { s.auth_type = AuthType::trust; });
  changed([](Settings& s) { s.admin_users = {"a", "b"}; });
  changed([](Settings& s) { s.admin_users = {"ab"}; });
  changed([](Settings& s) { s.stats_users = {"ab"}; });
  changed([](Settings& s) { s.default_pool_size = 21; });
  changed([](Settings& s) { s.query_timeout = 1ns; });
  changed([](Settings& s) { s.tcp_keepalive = false; });
  changed([](Settings& s) { s.verbose = 1; });
  changed([](Settings& s) { s.databases.resize(1); });
  changed([](Settings& s) {
    s.databases.resize(1);
    s.databases[0].pool_size = 0;
  });
  changed([](Settings& s) {
    s.databases.resize(1);
    s.databases[0].min_pool_size = 0;
  });
  changed([](Settings& s) { s.users.resize(1); });
  changed([](Settings& s) {
    s.users.resize(1);
    s.users[0].credential = 1;
  });
  std::set<std::vector<std::byte>> seen;
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_TRUE(seen.insert(encoded(Event(event::Reconfigured{all[i]}))).second)
        << "settings " << i << " of this test are encoded like others; is a field left out?";
  }
}

}  // namespace
}  // namespace pgweir
