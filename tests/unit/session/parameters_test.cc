#include "core/session/parameters.h"

#include <gtest/gtest.h>

namespace pgweir::session {
namespace {

TEST(Parameters, AreKnownByNameWithoutCase) {
  EXPECT_EQ(tracked_index("datestyle"), tracked_index("DateStyle"));
  EXPECT_TRUE(tracked_index("DateStyle"));
  EXPECT_FALSE(tracked_index("work_mem"));
  EXPECT_FALSE(tracked_index("DateStyl"));
}

TEST(Values, AreTheSameIdForTheSameTextAndGoWithTheirLastReference) {
  Values values;
  const ValueId one = values.intern("psql");
  const ValueId two = values.intern("psql");
  EXPECT_EQ(one, two);
  EXPECT_NE(values.intern("other"), one);
  EXPECT_EQ(values.size(), 2u);
  values.release(one);
  EXPECT_EQ(values.text(two), "psql");
  values.release(two);
  EXPECT_EQ(values.size(), 1u);
}

TEST(Values, OfASetAreGivenBackWhenItIsDropped) {
  Values values;
  ParameterSet set{};
  values.assign(set, 0, "a");
  values.assign(set, 0, "b");
  values.assign(set, 1, "b");
  ParameterSet copy = values.copy(set);
  EXPECT_EQ(values.text(copy[1]), "b");
  values.drop(set);
  EXPECT_EQ(values.text(copy[0]), "b");
  values.drop(copy);
  EXPECT_EQ(values.size(), 0u);
}

}  // namespace
}  // namespace pgweir::session
