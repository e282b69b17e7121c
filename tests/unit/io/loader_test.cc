#include "io/loader.h"

#include <gtest/gtest.h>

namespace pgweir::io {
namespace {

TEST(Loader, NamesEveryChangedSettingThatNeedsARestart) {
  const Settings now;
  Settings wanted = now;
  EXPECT_FALSE(restart_needed(now, wanted));
  wanted.max_client_conn = 7;
  EXPECT_FALSE(restart_needed(now, wanted)) << "limits change while it runs";
  wanted.listen_port = 7000;
  wanted.machines = 2;
  wanted.unix_socket_dir = "/elsewhere";
  const auto why = restart_needed(now, wanted);
  ASSERT_TRUE(why);
  EXPECT_NE(why->find("listen_port"), std::string::npos) << *why;
  EXPECT_NE(why->find("machines"), std::string::npos) << *why;
  EXPECT_NE(why->find("unix_socket_dir"), std::string::npos) << *why;
  EXPECT_EQ(why->find("listen_addr"), std::string::npos) << *why;
}

}  // namespace
}  // namespace pgweir::io
