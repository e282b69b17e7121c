// What a client set follows it from server to server, and what a server reports is not lost.
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

class ParameterTest : public Story {
 protected:
  std::string shown(sim::Client& client, const std::string& name) {
    std::string heard = world.query(client, "show " + name);
    const std::size_t begin = heard.find("D(");
    return begin == std::string::npos ? heard
                                      : heard.substr(begin + 2, heard.find(')') - begin - 2);
  }
};

TEST_F(ParameterTest, each_client_keeps_its_own_on_a_shared_server) {
  sim::Client& a = world.client({.more = {{"application_name", "a"}}});
  sim::Client& b = world.client({.more = {{"TimeZone", "Europe/Berlin"}}});
  EXPECT_EQ(shown(a, "application_name"), "a");
  EXPECT_EQ(shown(b, "application_name"), "");
  EXPECT_EQ(shown(b, "TimeZone"), "Europe/Berlin");
  EXPECT_EQ(shown(a, "TimeZone"), "Etc/UTC");
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(ParameterTest, a_set_is_reported_and_follows_its_client) {
  sim::Client& a = world.client();
  sim::Client& b = world.client();
  EXPECT_EQ(world.query(a, "set DateStyle = 'SQL, DMY'"), "C(SET) S(DateStyle=SQL, DMY) Z(I)");
  EXPECT_EQ(world.query(b, "show DateStyle"), "T D(ISO, MDY) C(SHOW) Z(I)");
  EXPECT_EQ(world.query(a, "show DateStyle"), "T D(SQL, DMY) C(SHOW) Z(I)");
}

TEST_F(ParameterTest, a_rolled_back_set_is_taken_back) {
  sim::Client& a = world.client();
  world.query(a, "begin; set TimeZone = UTC");
  EXPECT_EQ(world.query(a, "rollback"), "C(ROLLBACK) S(TimeZone=Etc/UTC) Z(I)");
  EXPECT_EQ(shown(a, "TimeZone"), "Etc/UTC");
}

TEST_F(ParameterTest, aligning_is_one_round_that_no_client_sees) {
  sim::Client& a = world.client({.more = {{"application_name", "a"}, {"TimeZone", "UTC"}}});
  sim::Client& b = world.client();
  world.query(b, "select 'b'");
  EXPECT_EQ(world.query(a, "select 'a'"), "T D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.ask(b, execute("select 'b'") + sim::sync()), "1 2 D(b) C(SELECT 1) Z(I)");
  std::size_t rounds = 0;
  for (const std::string& line : world.postgres.statements()) {
    rounds += line.find("set_config") != std::string::npos;
  }
  EXPECT_EQ(rounds, 2u);
}

TEST_F(ParameterTest, what_the_server_refuses_is_told_to_the_client_that_asked) {
  sim::Client& a = world.client({.more = {{"TimeZone", "invalid"}}});
  const std::string heard = world.query(a, "select 'a'");
  EXPECT_TRUE(heard.starts_with("E(22023)")) << heard;
  sim::Client& b = world.client();
  EXPECT_EQ(world.query(b, "select 'b'"), "T D(b) C(SELECT 1) Z(I)");
}

TEST_F(ParameterTest, an_unnamed_statement_of_ours_does_not_replace_the_clients) {
  sim::Client& a = world.client({.more = {{"application_name", "a"}}});
  sim::Client& b = world.client();
  EXPECT_EQ(world.ask(a, sim::parse("", "select 'mine'") + sim::sync()), "1 Z(I)");
  world.query(b, "select 'b'");
  const std::string heard = world.ask(a, sim::bind("", "") + sim::execute("") + sim::sync());
  EXPECT_TRUE(heard == "2 D(mine) C(SELECT 1) Z(I)" || heard == "E(26000) Z(I)")
      << "a client got another statement than its own: " << heard;
}

}  // namespace
}  // namespace pgweir
