#include "core/pool/ledger.h"

#include <algorithm>

namespace pgweir::pool {

std::uint32_t Account::wanted() const {
  std::uint32_t sum = 0;
  for (const Part& part : parts) sum += part.level.wanted + part.level.dedicated;
  return sum;
}

Instant Account::since() const {
  Instant oldest = never;
  for (const Part& part : parts) oldest = std::min(oldest, part.level.since);
  return std::min(oldest, dedicated_since());
}

std::uint32_t Account::dedicated_wanted() const {
  std::uint32_t sum = 0;
  for (const Part& part : parts) {
    if (part.wants_dedicated()) sum += part.level.dedicated - part.dedicated_connecting_count;
  }
  return sum;
}

Instant Account::dedicated_since() const {
  Instant oldest = never;
  for (const Part& part : parts) oldest = std::min(oldest, part.level.dedicated_since);
  return oldest;
}

}  // namespace pgweir::pool
