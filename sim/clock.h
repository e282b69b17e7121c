// Simulated time and what happens in it: tasks, in the order of their instants. Time moves from
// task to task; nothing passes in between.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
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
  // Something that comes again and again and that nobody waits for.
  void in_passing(Duration delay, Task task) {
    ++passing_count_;
    in(delay, [this, task = std::move(task)] {
      --passing_count_;
      task();
    });
  }
  // Nothing is to come that anybody could wait for.
  bool only_passing() const { return order_.size() == passing_count_; }
  // When the next task is due; never: there is none.
  Instant next() const { return order_.empty() ? never : order_.back().at; }
  // Runs the next task if it is due by now; false when none is.
  bool run_due();
  // Requires: no task is due before.
  void move_to(Instant when);

 private:
  struct Entry {
    Instant at;
    std::uint64_t order;  // of those of one instant: the tie, then as they were asked for
    std::uint32_t slot;   // of the task
  };
  static bool later(const Entry& a, const Entry& b) {
    return a.at != b.at ? a.at > b.at : a.order > b.order;
  }

  Instant now_;
  std::function<std::uint32_t()> tie_;
  std::uint32_t count_ = 0;
  std::size_t passing_count_ = 0;
  std::vector<Entry> order_;  // the next one last: most of the new ones belong near it
  std::vector<Task> tasks_;
  std::vector<std::uint32_t> free_slots_;
};

}  // namespace pgweir::sim
