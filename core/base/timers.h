// One deadline for each thing that waits. A deadline may fire too early: its owner then works out
// when it is really due and asks again. So the hot path never moves one: only an earlier deadline
// does. Equal deadlines fire in the order of their owners, so that every run is the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/time.h"

namespace pgweir {

// Whose deadline it is; slot and generation are the owner's handle's.
struct TimerOwner {
  enum class Kind : std::uint8_t { client, server, cancel, pool, account, host, machine };
  Kind kind = Kind::machine;
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;

  auto operator<=>(const TimerOwner&) const = default;
};

class Timers {
 public:
  using Id = std::uint32_t;

  Id add(TimerOwner owner);
  // Requires: the id is not used afterwards.
  void remove(Id id);

  // Fires at due or earlier; never means not at all. An earlier deadline stays.
  void at_latest(Id id, Instant due) {
    if (due < due_[id]) move(id, due);
  }

  std::optional<Instant> next() const {
    return heap_.empty() ? std::nullopt : std::optional(due_[heap_.front()]);
  }
  // Requires: next().
  TimerOwner next_owner() const { return owners_[heap_.front()]; }

  // The owner of a deadline that has come, which is then unarmed.
  std::optional<TimerOwner> pop(Instant now) {
    if (heap_.empty() || due_[heap_.front()] > now) return std::nullopt;
    return take_first();
  }

 private:
  static constexpr std::uint32_t unarmed = UINT32_MAX;

  TimerOwner take_first();
  void move(Id id, Instant due);
  bool before(Id a, Id b) const {
    return due_[a] != due_[b] ? due_[a] < due_[b] : owners_[a] < owners_[b];
  }
  void put(std::size_t at, Id id);
  void sift_up(std::size_t at, Id id);
  void sift_down(std::size_t at, Id id);
  void take_out(std::size_t at);

  std::vector<Instant> due_;          // by id; never when unarmed
  std::vector<TimerOwner> owners_;    // by id
  std::vector<std::uint32_t> place_;  // by id: where in the heap
  std::vector<Id> heap_;
  std::vector<Id> free_;
};

}  // namespace pgweir
