#include "sim/clock.h"

#include <algorithm>

#include "core/base/assert.h"

namespace pgweir::sim {

void Clock::at(Instant when, Task task) {
  const std::uint64_t tie = tie_ ? tie_() : 0;
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(tasks_.size()));
    tasks_.emplace_back();
  }
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  tasks_[slot] = std::move(task);
  const Entry entry{std::max(when, now_), tie << 32 | count_++, slot};
  order_.insert(std::ranges::lower_bound(order_, entry, later), entry);
}

bool Clock::run_due() {
  if (order_.empty() || order_.back().at > now_) return false;
  const std::uint32_t slot = order_.back().slot;
  order_.pop_back();
  const Task task = std::move(tasks_[slot]);
  free_slots_.push_back(slot);
  task();
  return true;
}

void Clock::move_to(Instant when) {
  PGWEIR_REQUIRE(when >= now_ && next() >= when, when.time_since_epoch().count());
  now_ = when;
}

}  // namespace pgweir::sim
