// What the other machines say of a pool's hunger, told to one of two that is alone with it: in the
// order that letters have that come the long way, by the first machine.
#include <gtest/gtest.h>

#include <chrono>

#include "core/machine.h"
#include "core/seats/message.h"
#include "sim/toy_vault.h"

namespace pgweir {
namespace {

using std::chrono::seconds;

class HungerTest : public ::testing::Test {
 protected:
  HungerTest() { machine_.step(now_, event::WallClock{}); }

  static Settings settings(bool with_the_database) {
    Settings settings;
    settings.auth_type = AuthType::trust;
    settings.users.emplace_back().name = "ann";
    if (!with_the_database) return settings;
    DatabaseSettings& database = settings.databases.emplace_back();
    database.name = "app";
    database.host = "10.0.0.1";
    return settings;
  }

  // The first machine's clients wait, as it said by the settings of this epoch.
  void hear_of_hunger(std::uint32_t epoch) {
    seats::Hungry hungry{.pool = {"app", "ann"}, .machine = 0, .epoch = epoch, .hunger = {}};
    hungry.hunger.number = ++said_;
    hungry.hunger.wanted = 1;
    hungry.hunger.since = hungry.hunger.newest = now_;
    const std::string letter = seats::write(hungry, said_);
    machine_.step(now_, event::Told{0, bytes_of(letter)});
  }
  // They ask what the pool's servers say of themselves: the version that they are told, or none.
  std::string told_when_they_ask(std::uint32_t epoch) {
    seats::Hungry hungry{.pool = {"app", "ann"}, .machine = 0, .epoch = epoch, .hunger = {}};
    hungry.hunger.number = ++said_;
    hungry.hunger.unknown = true;
    return version_told(seats::write(hungry, said_));
  }
  // They say so themselves.
  std::string hear_of_servers(std::uint32_t epoch, const std::string& version) {
    const seats::Introduced introduced{{"app", "ann"}, epoch, {{"server_version", version}}};
    return version_told(seats::write(introduced, ++said_));
  }
  std::string version_told(const std::string& letter) {
    std::string version;
    for (const Effect& effect : machine_.step(now_, event::Told{0, bytes_of(letter)})) {
      const auto* tell = std::get_if<effect::Tell>(&effect);
      if (tell == nullptr) continue;
      const seats::Message said = seats::read(tell->message);
      const auto* introduced = std::get_if<seats::Introduced>(&said);
      if (introduced != nullptr) version = introduced->welcome.at(0).value;
    }
    return version;
  }
  void reload(bool with_the_database) {
    machine_.step(now_, event::Reconfigured{settings(with_the_database)});
  }
  std::size_t hungry_count() const {
    return machine_.left_over().find("1 hungry machines") != std::string::npos ? 1 : 0;
  }

  const Instant now_ = Instant(seconds(1));
  sim::ToyVault vault_{1};
  Machine machine_{settings(true), vault_, Seat{.machine = 1, .machines = 2}};
  seats::LetterNumber said_ = 0;
};

TEST_F(HungerTest, of_a_pool_that_a_reload_removed_makes_none) {
  reload(false);
  hear_of_hunger(0);
  EXPECT_EQ(machine_.left_over(), "") << "nobody says that it is over: its end came before";
}

TEST_F(HungerTest, of_before_a_reload_ends_what_was_said_before_it) {
  hear_of_hunger(0);
  EXPECT_EQ(hungry_count(), 1u) << machine_.left_over();
  reload(true);
  hear_of_hunger(0);
  EXPECT_EQ(hungry_count(), 0u) << "it stands for all that was said before it, and is not so now";
  hear_of_hunger(1);
  EXPECT_EQ(hungry_count(), 1u) << machine_.left_over();
}

TEST_F(HungerTest, that_came_with_a_server_of_before_a_reload_is_none) {
  reload(true);
  seats::ServerParcel parcel;
  parcel.number = ++said_;
  parcel.pool = {"app", "ann"};
  parcel.hunger.number = 1;
  parcel.hunger.wanted = 1;
  parcel.hunger.since = parcel.hunger.newest = now_;
  machine_.step(now_, event::Arrived{0, bytes_of(seats::write(parcel))});
  EXPECT_EQ(hungry_count(), 0u) << machine_.left_over();
}

TEST_F(HungerTest, what_servers_of_before_a_reload_say_is_nobodys) {
  hear_of_hunger(0);  // there is a pool
  reload(true);
  EXPECT_EQ(hear_of_servers(0, "of the old host"), "");
  EXPECT_EQ(told_when_they_ask(1), "");
  EXPECT_EQ(hear_of_servers(1, "of the new one"), "of the new one");
}

// What the first machine passes on: to where such a pool is, though it does not live there.
TEST(HungerPassedOn, is_ended_where_the_pool_has_gone_meanwhile) {
  Settings settings;
  settings.auth_type = AuthType::trust;
  settings.users.emplace_back().name = "ann";
  DatabaseSettings& database = settings.databases.emplace_back();
  database.name = "app";
  database.host = "10.0.0.1";
  sim::ToyVault vault(1);
  const Instant now(seconds(1));
  Machine first(settings, vault, Seat{.machine = 0, .machines = 4});
  first.step(now, event::WallClock{});
  first.step(now, event::Reconfigured{settings});  // nobody knows by which settings a pool lives
  seats::LetterNumber said = 0;
  // What the third machine is told then: how many clients of the second wait.
  const auto hear = [&](std::uint8_t from, seats::Report report) {
    report.pool = {"app", "ann"};
    std::string told;
    const std::string letter = seats::write(report, from == 1 ? ++said : 1 + report.gone);
    for (const Effect& effect : first.step(now, event::Told{from, bytes_of(letter)})) {
      const auto* tell = std::get_if<effect::Tell>(&effect);
      if (tell == nullptr || tell->to != 2) continue;
      const seats::Message message = seats::read(tell->message);
      const auto* hungry = std::get_if<seats::Hungry>(&message);
      if (hungry != nullptr) told += std::to_string(hungry->hunger.wanted);
    }
    return told;
  };
  seats::Report hungry;
  hungry.hunger.number = hungry.hunger.wanted = 1;
  hungry.hunger.since = hungry.hunger.newest = now;
  seats::Report over;
  over.hunger.number = 2;
  seats::Report there;
  there.anew = true;
  EXPECT_EQ(hear(2, there), "");
  EXPECT_EQ(hear(1, hungry), "1");
  there.gone = true;
  EXPECT_EQ(hear(2, there), "");
  EXPECT_EQ(hear(1, over), "0") << "it makes the pool anew when it hears of the hunger";
  over.hunger.number = 3;
  EXPECT_EQ(hear(1, over), "") << "it knows";
}

}  // namespace
}  // namespace pgweir
