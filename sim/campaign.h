// A campaign: seeds of all modes, counted in a file, so that it can be stopped and gone on with.
// The file has a line for each part: mode, first seed, seeds, useful seeds, steps, asked, answered,
// failures, seconds.
#pragma once

#include <cstdint>
#include <string>

namespace pgweir::sim {

// Whole parts until the file has so many useful seeds, or to the first failure; the seeds of a new
// file begin at first. The exit status: 0 when no part in the file has failed.
int run_campaign(const std::string& path, std::uint64_t first, std::uint64_t seed_count,
                 unsigned jobs);

}  // namespace pgweir::sim
