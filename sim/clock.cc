#include "sim/clock.h"

#include <algorithm>
#include <tuple>

#include "core/base/assert.h"

namespace pgweir::sim {

bool Clock::later(const Entry& a, const Entry& b) {
  return std::tie(a.at, a.tie, a.number) > std::tie(b.at, b.tie, b.number);
}

void Clock::at(Instant when, Task task) {
  const std::uint32_t tie = tie_ ? tie_() : 0;
  tasks_.push_back({std::max(when, now_), tie, count_++, std::move(task)});
  std::ranges::push_heap(tasks_, later);
}

bool Clock::run_due() {
  if (tasks_.empty() || tasks_.front().at > now_) return false;
  std::ranges::pop_heap(tasks_, later);
  const Task task = std::move(tasks_.back().task);
  tasks_.pop_back();
  task();
  return true;
}

void Clock::move_to(Instant when) {
  PGWEIR_REQUIRE(when >= now_ && next() >= when, when.time_since_epoch().count());
  now_ = when;
}

}  // namespace pgweir::sim
