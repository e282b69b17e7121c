// Names of hosts that lead elsewhere after a while.
#include "tests/unit/machine/story.h"

namespace pgweir {
namespace {

using std::chrono::seconds;

class NameTest : public Story {
 protected:
  NameTest() {
    world.settings.databases[0].host = "db.example";
    world.settings.dns_max_ttl = seconds(15);
    world.settings.server_lifetime = seconds(20);
    world.shell().add_host(sim::ipv4(10, 0, 0, 2, 5432), elsewhere);
    leads_to(1);
  }
  void leads_to(std::uint8_t machine) {
    world.shell().set_name("db.example", {sim::ipv4(10, 0, 0, machine, 0)});
  }

  sim::Postgres elsewhere;
};

TEST_F(NameTest, no_connection_goes_where_an_answer_that_is_too_old_leads) {
  sim::Client& client = world.client();
  world.advance(seconds(30));
  leads_to(2);
  EXPECT_EQ(world.query(client, "select 'moved'"), "T D(moved) C(SELECT 1) Z(I)");
  EXPECT_EQ(elsewhere.login_count(), 1u);
  EXPECT_EQ(world.postgres.login_count(), 1u);
}

TEST_F(NameTest, an_answer_that_is_none_takes_no_addresses_away) {
  sim::Client& client = world.client();
  world.advance(seconds(30));
  world.shell().set_name("db.example", {});
  EXPECT_EQ(world.query(client, "select 'there'"), "T D(there) C(SELECT 1) Z(I)");
  EXPECT_EQ(world.postgres.login_count(), 2u);
}

}  // namespace
}  // namespace pgweir
