// What any thread leaves for one owner, without a lock: a stack that its owner takes whole and
// turns over, so that all comes out in the order it was left in.
//
// An owner with nothing to do sleeps, and must be woken. One atomic pointer says all: nothing
// (empty, the owner is awake), `asleep_` (empty, the owner sleeps or is about to), or what was left
// last (more below it). The owner falls asleep by changing nothing into asleep_, which fails when
// there is something; who replaces asleep_ wakes the owner, and nobody else does. As each of these
// is one change of the same word, nothing can come between looking and sleeping; one waking serves
// all that is left until the owner takes it; and an owner that is at work is never disturbed.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace pgweir::io {

template <class T>
class DropBox {
  struct Link {
    Link* next = nullptr;  // to what was left before it
  };
  struct Item : Link {
    explicit Item(T&& what) : value(std::move(what)) {}
    T value;
  };

 public:
  // What was taken at once, the oldest first. The rest goes with it.
  class Taken {
   public:
    Taken() = default;
    ~Taken() {
      while (next()) continue;
    }
    Taken(Taken&& other) noexcept
        : oldest_(std::exchange(other.oldest_, nullptr)), count_(std::exchange(other.count_, 0)) {}
    Taken& operator=(Taken&&) = delete;

    std::optional<T> next() {
      if (oldest_ == nullptr) return std::nullopt;
      const std::unique_ptr<Item> item(static_cast<Item*>(oldest_));
      oldest_ = item->next;
      --count_;
      return std::move(item->value);
    }
    std::uint32_t count() const { return count_; }

   private:
    friend DropBox;
    explicit Taken(Link* newest) {
      while (newest != nullptr) {
        Link* const older = std::exchange(newest->next, oldest_);
        oldest_ = std::exchange(newest, older);
        ++count_;
      }
    }

    Link* oldest_ = nullptr;
    std::uint32_t count_ = 0;
  };

  DropBox() = default;
  // Requires: nobody leaves anything any more.
  ~DropBox() { take(); }
  DropBox(const DropBox&) = delete;
  DropBox& operator=(const DropBox&) = delete;

  // On any thread. True: its owner sleeps, and is to be woken.
  // Release, so that who takes it (acquire) sees what is in it. A change by another thread in
  // between keeps ours visible too: read-modify-writes go on a release sequence.
  [[nodiscard]] bool leave(T value) {
    count_.fetch_add(1, std::memory_order_relaxed);
    auto* const item = new Item(std::move(value));
    Link* before = top_.load(std::memory_order_relaxed);
    do {
      item->next = before == &asleep_ ? nullptr : before;
    } while (!top_.compare_exchange_weak(before, item, std::memory_order_release,
                                         std::memory_order_relaxed));
    return before == &asleep_;
  }
  // On any thread: at least as many as there are.
  std::uint32_t count() const { return count_.load(std::memory_order_relaxed); }

  // The rest is the owner's. False when there is something: then it must not sleep.
  // Nothing is read or written on the strength of it, so its order among other memory is of no
  // concern: that nothing is missed follows from the one word alone.
  [[nodiscard]] bool fall_asleep() {
    Link* nothing = nullptr;
    return top_.compare_exchange_strong(nothing, &asleep_, std::memory_order_relaxed);
  }
  // All that has come. The owner is awake from here on.
  Taken take() {
    Link* const newest = top_.exchange(nullptr, std::memory_order_acquire);
    Taken taken(newest == &asleep_ ? nullptr : newest);
    count_.fetch_sub(taken.count(), std::memory_order_relaxed);
    return taken;
  }

 private:
  Link asleep_;  // never an item: only its address counts
  // On a line of the cache of its own: it is what other cores write to.
  alignas(64) std::atomic<Link*> top_ = nullptr;
  std::atomic<std::uint32_t> count_ = 0;
};

}  // namespace pgweir::io
