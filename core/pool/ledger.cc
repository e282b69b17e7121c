#include "core/pool/ledger.h"

#include <algorithm>

namespace pgweir::pool {

std::uint32_t Account::wanted() const {
  std::uint32_t sum = 0;
  for (const Part& part : parts) sum += part.level.wanted;
  return sum;
}

Instant Account::since() const {
  Instant oldest = never;
  for (const Part& part : parts) oldest = std::min(oldest, part.level.since);
  return oldest;
}

}  // namespace pgweir::pool
