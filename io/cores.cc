#include "io/cores.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/setting_text.h"

namespace pgweir::io {

namespace {

namespace fs = std::filesystem;

using Cores = std::optional<std::uint32_t>;

constexpr std::string_view cgroup_mount = "sys/fs/cgroup";

Cores least(Cores a, Cores b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

// "max" and -1 are no numbers, and no quota.
Cores rounded_up(std::string_view quota_us, std::string_view period_us) {
  constexpr std::int64_t microseconds_max = 1'000'000'000'000;
  const auto quota = config::count_of(quota_us, 1, microseconds_max);
  const auto period = config::count_of(period_us, 1, microseconds_max);
  if (!quota || !period) return std::nullopt;
  return static_cast<std::uint32_t>((*quota + *period - 1) / *period);
}

// Up to two words of a file; empty where there are none.
std::array<std::string, 2> words_of(const fs::path& path) {
  std::array<std::string, 2> words;
  std::ifstream(path) >> words[0] >> words[1];
  return words;
}

Cores quota_v2(const fs::path& group) {
  const auto [quota, period] = words_of(group / "cpu.max");
  return rounded_up(quota, period);
}

Cores quota_v1(const fs::path& group) {
  return rounded_up(words_of(group / "cpu.cfs_quota_us")[0],
                    words_of(group / "cpu.cfs_period_us")[0]);
}

// The least of a group's and of those above it, up to the mount's root. In a container that root is
// the container's group, and the path may name it as the host sees it: nothing is there then.
Cores least_upwards(const fs::path& mount, std::string_view group,
                    Cores (*quota)(const fs::path&)) {
  Cores cores = quota(mount);
  fs::path at = mount;
  for (const fs::path& part : fs::path(group).relative_path()) {
    at /= part;
    cores = least(cores, quota(at));
  }
  return cores;
}

bool names_cpu(std::string_view controllers) {
  const auto list = config::list_of(controllers);
  return list && std::ranges::find(*list, "cpu") != list->end();
}

}  // namespace

std::uint32_t usable_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  // It fails where there are more cores than the set has room for.
  const bool known = ::sched_getaffinity(0, sizeof allowed, &allowed) == 0;
  const int scheduled = known ? CPU_COUNT(&allowed) : CPU_SETSIZE;
  return std::max(*least(static_cast<std::uint32_t>(scheduled), quota_cores("/")), 1U);
}

// Lines of /proc/self/cgroup (cgroups(7)): hierarchy:controllers:path; version 2 is 0::path.
std::optional<std::uint32_t> quota_cores(const std::filesystem::path& root) {
  Cores cores;
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string_view text = line;
    const std::string_view controllers = text.substr(first + 1, second - first - 1);
    const std::string_view path = text.substr(second + 1);
    if (controllers.empty()) {
      cores = least(cores, least_upwards(root / cgroup_mount, path, quota_v2));
    } else if (names_cpu(controllers)) {
      const fs::path both = root / cgroup_mount / controllers;
      const fs::path mount = fs::exists(both) ? both : root / cgroup_mount / "cpu";
      cores = least(cores, least_upwards(mount, path, quota_v1));
    }
  }
  return cores;
}

}  // namespace pgweir::io
