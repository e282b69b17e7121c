// PostgreSQL's words for the startup parameter "replication".
#include "core/session/replication.h"

#include <gtest/gtest.h>

namespace pgweir::session {
namespace {

TEST(Replication, DatabaseIsLogical) {
  EXPECT_EQ(read_replication("database"), Replication::logical);
  EXPECT_EQ(read_replication("Database"), std::nullopt) << "PostgreSQL compares it as it is";
}

TEST(Replication, PostgresqlsBooleansInAnyCaseAndAsShortAsTheyAreClear) {
  for (const char* yes : {"1", "t", "tr", "true", "TRUE", "y", "yes", "on", "ON"}) {
    EXPECT_EQ(read_replication(yes), Replication::physical) << yes;
  }
  for (const char* no : {"0", "f", "false", "n", "NO", "of", "off"}) {
    EXPECT_EQ(read_replication(no), Replication::none) << no;
  }
  for (const char* neither : {"", "o", "truer", "2", "maybe", "data", " on"}) {
    EXPECT_EQ(read_replication(neither), std::nullopt) << neither;
  }
}

}  // namespace
}  // namespace pgweir::session
