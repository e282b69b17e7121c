// The user "*", which stands for all that have no line of their own.
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

class AnyUserTest : public Story {
 protected:
  AnyUserTest() {
    world.settings.users.insert(world.settings.users.begin(), UserSettings{.name = "*"});
    world.settings.default_pool_size = 1;
  }
  UserSettings& line() { return world.settings.users.front(); }
  sim::Client& of(const std::string& user) { return world.client({.user = user}); }
  const std::string answer = "T D(a) C(SELECT 1) Z(I)";
};

TEST_F(AnyUserTest, each_name_is_a_user_with_limits_of_its_own) {
  line().max_user_connections = 1;
  line().pool_size = 2;
  sim::Client& bob = of("bob");
  sim::Client& carl = of("carl");
  EXPECT_EQ(world.query(bob, "begin"), "C(BEGIN) Z(T)");
  EXPECT_EQ(world.query(carl, "begin"), "C(BEGIN) Z(T)");
  sim::Client& later = of("carl");
  EXPECT_EQ(world.query(later, "select 'a'"), "") << "its user has one server";
  world.query(carl, "commit");
  EXPECT_EQ(later.heard(), answer);
}

TEST_F(AnyUserTest, what_its_line_says_is_so_for_each_that_has_none) {
  line().pool_mode = PoolMode::session;
  sim::Client& bob = of("bob");
  sim::Client& other = of("bob");
  EXPECT_EQ(world.query(bob, "select 'a'"), answer);
  EXPECT_EQ(world.query(other, "select 'a'"), "") << "a session has the server";
  sim::Client& ann = world.client();
  sim::Client& anns = world.client();
  EXPECT_EQ(world.query(ann, "select 'a'"), answer);
  EXPECT_EQ(world.query(anns, "select 'a'"), answer) << "she has a line of her own";
}

// Else whoever may choose a name fills pgweir's memory with them.
TEST_F(AnyUserTest, nothing_is_left_of_one_whose_last_client_and_server_have_gone) {
  world.settings.server_idle_timeout = std::chrono::seconds(10);
  sim::Client& bob = of("bob");
  EXPECT_EQ(world.query(bob, "select 'a'"), answer);
  bob.say(sim::terminate());
  world.advance(std::chrono::seconds(20));
  EXPECT_EQ(world.machines().left_over(), "");
}

TEST_F(AnyUserTest, without_the_line_nobody_is_let_in) {
  world.settings.users.erase(world.settings.users.begin());
  EXPECT_EQ(world.client({.user = "bob"}).heard(), "E(28P01) EOF");
}

}  // namespace
}  // namespace pgweir
