// What both tests of messages say of whom, and when.
#pragma once

#include "core/base/time.h"
#include "core/pool/report.h"

namespace pgweir::seats {

inline constexpr Instant early(std::chrono::seconds(5));
inline constexpr Instant late(std::chrono::seconds(6));
inline constexpr pool::PoolName app{"app", "web", true};

}  // namespace pgweir::seats
