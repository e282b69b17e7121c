// The letters to one machine's shell, from all the others' threads, without a lock: a stack that
// its owner takes whole and turns over, so that the letters of each sender keep their order.
//
// Its owner's loop sleeps in the kernel when there is nothing to do, and must be woken. One atomic
// pointer says all: nothing (empty, the owner is awake), `asleep_` (empty, the owner sleeps or is
// about to), or the newest letter (more below it). The owner falls asleep by changing nothing into
// asleep_, which fails when there is a letter; the sender who replaces asleep_ rings the bell, and
// nobody else does. As each of these is one change of the same word, no letter can come between
// looking and sleeping; one ring serves all letters until the owner takes them; and an owner that
// is at work is never rung for.
//
// How many letters it may have is bounded by what machines may have under way (io/post.h): they are
// counted, and one too many is a bug of ours and ends the process.
//
// The bell is an eventfd, watched edge-triggered: each ring is news, and it need not be read.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

#include "io/letter.h"
#include "io/loop.h"
#include "io/sockets.h"

namespace pgweir::io {

// A letter, and the one that was posted before it.
struct Envelope {
  Letter letter;
  Envelope* next = nullptr;
};

// What was taken at once, to be opened from the oldest on. The rest goes with it, unopened.
class Letters {
 public:
  Letters() = default;
  // The newest first.
  explicit Letters(Envelope* newest);
  ~Letters();
  Letters(Letters&& other) noexcept
      : oldest_(std::exchange(other.oldest_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  Letters& operator=(Letters&&) = delete;

  std::optional<Letter> next();
  std::uint32_t count() const { return count_; }

 private:
  Envelope* oldest_ = nullptr;
  std::uint32_t count_ = 0;  // unopened
};

class Mailbox final : public Watcher {
 public:
  // Letters that nobody has taken yet.
  static constexpr std::uint32_t capacity = 2304;

  Mailbox();
  // Requires: nobody posts any more.
  ~Mailbox() override { take(); }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // On any thread. Requires: there is room.
  void post(Letter letter);

  // The rest is the owner's. Begins to be woken; it must be taken from by then. The loop outlives
  // it, or makes no turn any more.
  void watch_on(Loop& loop);
  // False when there are letters: then its owner must not wait.
  bool fall_asleep();
  // All that have come. The owner is awake from here on.
  Letters take();
  // The owner takes in each turn of its loop anyway.
  void ready(std::uint32_t) override {}

  // For tests: how often the bell was rung since it was asked for last.
  std::uint64_t rings();

 private:
  void ring();

  Envelope asleep_;  // never a letter: only its address counts
  Descriptor bell_;
  // On a line of the cache of its own: it is what other cores write to.
  alignas(64) std::atomic<Envelope*> top_ = nullptr;
  std::atomic<std::uint32_t> count_ = 0;  // at least as many as there are
};

}  // namespace pgweir::io
