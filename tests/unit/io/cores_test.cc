// Quotas of control groups, from files as the kernel shows them.
#include "io/cores.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "core/base/text.h"

namespace pgweir::io {
namespace {

class Cores : public testing::Test {
 protected:
  void SetUp() override {
    root_ = std::filesystem::path(testing::TempDir()) / join("pgweir_cores_", ::getpid());
    std::filesystem::remove_all(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }

  std::filesystem::path root_;
};

TEST_F(Cores, AreAtLeastOne) { EXPECT_GE(usable_cores(), 1U); }

TEST_F(Cores, HaveNoQuotaWithoutControlGroups) { EXPECT_FALSE(quota_cores(root_)); }

TEST_F(Cores, OfAQuotaAreRoundedUp) {
  write("proc/self/cgroup", "0::/\n");
  write("sys/fs/cgroup/cpu.max", "250000 100000\n");
  EXPECT_EQ(quota_cores(root_), 3U);
  write("sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_EQ(quota_cores(root_), 2U);
  write("sys/fs/cgroup/cpu.max", "5000 100000\n");
  EXPECT_EQ(quota_cores(root_), 1U);
}

TEST_F(Cores, AreNotLimitedByMaxOrWhatIsNoNumber) {
  write("proc/self/cgroup", "0::/\n");
  for (const char* text : {"max 100000\n", "", "100000", "x y\n", "100000 0\n"}) {
    write("sys/fs/cgroup/cpu.max", text);
    EXPECT_FALSE(quota_cores(root_)) << text;
  }
}

TEST_F(Cores, AreTheLeastOfAllGroupsAround) {
  write("proc/self/cgroup", "0::/system.slice/pgweir.service\n");
  write("sys/fs/cgroup/system.slice/pgweir.service/cpu.max", "800000 100000\n");
  EXPECT_EQ(quota_cores(root_), 8U);
  write("sys/fs/cgroup/system.slice/cpu.max", "400000 100000\n");
  EXPECT_EQ(quota_cores(root_), 4U);
}

// Docker shows the host's path, and mounts the container's own group as the root.
TEST_F(Cores, AreThoseOfTheMountsRootWhereThePathIsTheHosts) {
  write("proc/self/cgroup", "0::/docker/0123abcd\n");
  write("sys/fs/cgroup/cpu.max", "150000 100000\n");
  EXPECT_EQ(quota_cores(root_), 2U);
}

TEST_F(Cores, OfVersion1AreFoundByItsController) {
  write("proc/self/cgroup", "5:memory:/other\n4:cpu,cpuacct:/app\n");
  write("sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_period_us", "50000\n");
  write("sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_quota_us", "-1\n");
  EXPECT_FALSE(quota_cores(root_));
  write("sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_quota_us", "300000\n");
  EXPECT_EQ(quota_cores(root_), 6U);
}

TEST_F(Cores, OfVersion1AreFoundUnderTheShortNameToo) {
  write("proc/self/cgroup", "4:cpu,cpuacct:/docker/0123abcd\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000\n");
  EXPECT_EQ(quota_cores(root_), 3U);
}

}  // namespace
}  // namespace pgweir::io
