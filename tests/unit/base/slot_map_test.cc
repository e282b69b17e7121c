#include "core/base/slot_map.h"

#include <gtest/gtest.h>

#include <string>

namespace pgweir {
namespace {

using Map = SlotMap<std::string, ServerHandle>;

TEST(SlotMap, ALateHandleFindsNothingNotTheStrangerInItsSlot) {
  Map map;
  const ServerHandle old = map.emplace("old").first;
  map.erase(old);
  const ServerHandle fresh = map.emplace("fresh").first;
  EXPECT_EQ(fresh.slot, old.slot);
  EXPECT_EQ(map.find(old), nullptr);
  ASSERT_NE(map.find(fresh), nullptr);
  EXPECT_EQ(*map.find(fresh), "fresh");
}

TEST(SlotMap, NothingIsFoundByTheEmptyHandleOrOneBeyondTheEnd) {
  Map map;
  map.emplace("x");
  EXPECT_EQ(map.find(ServerHandle{}), nullptr);
  EXPECT_EQ(map.find(ServerHandle{7, 1}), nullptr);
}

TEST(SlotMap, ObjectsDoNotMoveWhenItGrows) {
  Map map;
  const std::string* first = map.emplace("first").second;
  for (int i = 0; i < 1000; ++i) map.emplace("more");
  EXPECT_EQ(*first, "first");
  EXPECT_EQ(map.size(), 1001u);
}

TEST(SlotMap, IsVisitedInSlotOrderAndMayLoseWhatIsVisited) {
  Map map;
  for (const char* name : {"a", "b", "c"}) map.emplace(name);
  std::string seen;
  map.each([&](ServerHandle handle, std::string& value) {
    seen += value;
    map.erase(handle);
  });
  EXPECT_EQ(seen, "abc");
  EXPECT_EQ(map.size(), 0u);
}

TEST(SlotMap, TakesHandlesThatOthersNumber) {
  SlotMap<std::string, ClientHandle> map;
  map.place({5, 9}, "five");
  EXPECT_EQ(*map.find({5, 9}), "five");
  EXPECT_EQ(map.find({5, 8}), nullptr);
  map.erase({5, 9});
  map.place({5, 10}, "again");
  EXPECT_EQ(map.find({5, 9}), nullptr);
}

TEST(SlotMapDeathTest, AnOccupiedSlotIsNotTakenOver) {
  SlotMap<std::string, ClientHandle> map;
  map.place({0, 1}, "one");
  EXPECT_DEATH(map.place({0, 2}, "two"), "has_value");
}

}  // namespace
}  // namespace pgweir
