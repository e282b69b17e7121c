#include "core/base/timers.h"

#include "core/base/assert.h"

namespace pgweir {

Timers::Id Timers::add(TimerOwner owner) {
  if (free_.empty()) {
    due_.push_back(never);
    owners_.push_back(owner);
    place_.push_back(unarmed);
    heap_.reserve(due_.size());
    free_.reserve(due_.size());
    return static_cast<Id>(due_.size() - 1);
  }
  const Id id = free_.back();
  free_.pop_back();
  owners_[id] = owner;
  return id;
}

void Timers::remove(Id id) {
  if (place_[id] != unarmed) take_out(place_[id]);
  free_.push_back(id);
}

TimerOwner Timers::take_first() {
  const Id id = heap_.front();
  take_out(0);
  return owners_[id];
}

void Timers::move(Id id, Instant due) {
  due_[id] = due;
  if (place_[id] == unarmed) {
    heap_.push_back(id);
    place_[id] = static_cast<std::uint32_t>(heap_.size() - 1);
  }
  sift_up(place_[id], id);
}

void Timers::put(std::size_t at, Id id) {
  heap_[at] = id;
  place_[id] = static_cast<std::uint32_t>(at);
}

void Timers::sift_up(std::size_t at, Id id) {
  while (at > 0) {
    const std::size_t parent = (at - 1) / 2;
    if (!before(id, heap_[parent])) break;
    put(at, heap_[parent]);
    at = parent;
  }
  put(at, id);
}

void Timers::sift_down(std::size_t at, Id id) {
  while (true) {
    std::size_t child = 2 * at + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && before(heap_[child + 1], heap_[child])) ++child;
    if (!before(heap_[child], id)) break;
    put(at, heap_[child]);
    at = child;
  }
  put(at, id);
}

void Timers::take_out(std::size_t at) {
  const Id id = heap_[at];
  PGWEIR_REQUIRE(place_[id] == at, id, at);
  place_[id] = unarmed;
  due_[id] = never;
  const Id last = heap_.back();
  heap_.pop_back();
  if (last == id) return;
  put(at, last);
  sift_up(at, last);
  sift_down(place_[last], last);
}

}  // namespace pgweir
