#include "io/process.h"

#include <gtest/gtest.h>

#include "core/base/limits.h"

namespace pgweir::io {
namespace {

TEST(Process, CountsTheSocketsThatTheLimitsAllow) {
  Settings settings;
  settings.max_client_conn = 100;
  settings.default_pool_size = 20;
  const std::uint64_t clients =
      100 + limits::admin_client_slots + limits::clients_unauthenticated_max + descriptors_reserve;
  EXPECT_EQ(descriptors_needed(settings, 1), clients);

  settings.users.resize(3);
  settings.databases.resize(1);
  EXPECT_EQ(descriptors_needed(settings, 1), clients + 3 * 20) << "a pool for each user";
  settings.databases[0].max_db_connections = 25;
  EXPECT_EQ(descriptors_needed(settings, 1), clients + 25) << "within the database's own maximum";
  settings.databases[0].user = "app";
  EXPECT_EQ(descriptors_needed(settings, 1), clients + 20) << "one forced user, one pool";
  EXPECT_EQ(descriptors_needed(settings, 3),
            clients + 20 + 2 * (limits::clients_unauthenticated_max + descriptors_per_machine));
}

TEST(Process, SaysWhichSettingsNeedMoreOpenFilesThanThereMayBe) {
  EXPECT_FALSE(raise_descriptor_limit(16)) << "a small need must not warn";
  const auto problem = raise_descriptor_limit(std::uint64_t{1} << 40);
  ASSERT_TRUE(problem);
  EXPECT_NE(problem->find("max_client_conn"), std::string::npos) << *problem;
}

}  // namespace
}  // namespace pgweir::io
