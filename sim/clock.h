// Simulated time and what happens in it: tasks, in the order of their instants. Time moves from
// task to task; nothing passes in between.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/base/time.h"

namespace pgweir::sim {

class Clock {
 public:
  using Task = std::function<void()>;

  // tie: drawn for every task; of one instant the lowest goes first. Empty: as they were asked for.
  explicit Clock(Instant start = Instant(std::chrono::hours(1)),
                 std::function<std::uint32_t()> tie = {})
      : now_(start), tie_(std::move(tie)) {}

  Instant now() const { return now_; }
  // At that instant; at once when it has passed, but never inside this call.
  void at(Instant when, Task task);
  void in(Duration delay, Task task) { at(after(now_, delay), std::move(task)); }
  // When the next task is due; never: there is none.
  Instant next() const { return order_.empty() ? never : order_.front().at; }
  // Runs the next task if it is due by now; false when none is.
  bool run_due();
  // Requires: no task is due before.
  void move_to(Instant when);

 private:
  struct Entry {
    Instant at;
    std::uint32_t tie;
    std::uint32_t slot;  // of the task
    std::uint64_t number;
  };
  // A type of its own, not a function, so that the heap's loops need not call it.
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const {
      if (a.at != b.at) return a.at > b.at;
      return a.tie != b.tie ? a.tie > b.tie : a.number > b.number;
    }
  };

  Instant now_;
  std::function<std::uint32_t()> tie_;
  std::uint64_t count_ = 0;
  std::vector<Entry> order_;  // a heap
  std::vector<Task> tasks_;
  std::vector<std::uint32_t> free_slots_;
};

}  // namespace pgweir::sim
