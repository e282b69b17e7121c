// How many cores this process may use: what the scheduler allows it, and what its control group's
// quota of CPU time amounts to.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace pgweir::io {

// At least 1.
std::uint32_t usable_cores();

// The quota in cores, rounded up, the least of this process's control group and those around it
// (version 2 or 1). Nothing when there is none. root: "/", or where a test has put such files.
std::optional<std::uint32_t> quota_cores(const std::filesystem::path& root);

}  // namespace pgweir::io
