// What an application expects of its session, as it learns of what it did there.
#include "sim/own_state.h"

#include <gtest/gtest.h>

namespace pgweir::sim {
namespace {

using Values = std::vector<std::string>;

TEST(OwnStateTest, anything_it_did_not_set_is_somebody_elses) {
  OwnState state;
  state.begin({{"TimeZone", "UTC"}});
  EXPECT_FALSE(state.compare("TimeZone=UTC"));
  EXPECT_TRUE(state.compare("TimeZone=UTC,role=ann")->leak);
  EXPECT_TRUE(state.compare("TimeZone=UTC,portal=c")->leak);
  EXPECT_FALSE(state.compare("TimeZone=Asia/Tokyo")->leak);
  EXPECT_FALSE(state.compare("")->leak);
}

TEST(OwnStateTest, what_is_local_ends_with_its_transaction) {
  OwnState state;
  state.begin({{"TimeZone", "UTC"}});
  state.set_local("TimeZone", "Asia/Tokyo");
  state.add("xact_lock=1");
  EXPECT_FALSE(state.compare("TimeZone=Asia/Tokyo,xact_lock=1"));
  EXPECT_TRUE(state.compare("TimeZone=Asia/Tokyo")) << "its lock is gone";
  state.end_transaction(true);
  EXPECT_FALSE(state.compare("TimeZone=UTC"));
  EXPECT_TRUE(state.compare("TimeZone=UTC,xact_lock=1")->leak);
}

TEST(OwnStateTest, a_savepoint_takes_back_what_came_after_it) {
  OwnState state;
  state.begin({});
  state.insert("a");
  state.add_savepoint("s");
  state.insert("b");
  state.set("TimeZone", "UTC");
  state.declare("c", 3);
  state.roll_back_to("s");
  EXPECT_FALSE(state.compare(""));
  EXPECT_FALSE(state.has_cursor("c"));
  EXPECT_EQ(state.rolled_back(), Values{"b"});
  state.release("s");
  EXPECT_FALSE(state.has_savepoint("s"));
  state.end_transaction(true);
  EXPECT_EQ(state.committed(), Values{"a"});
}

TEST(OwnStateTest, a_cursor_gives_what_it_has_left) {
  OwnState state;
  state.begin({});
  state.declare("c", 3);
  EXPECT_EQ(state.rows_for("c", 2), 2);
  state.fetch("c", 2);
  EXPECT_EQ(state.rows_for("c", 2), 1);
}

}  // namespace
}  // namespace pgweir::sim
