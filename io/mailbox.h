// The letters to one machine's shell, from all the others' threads (io/drop_box.h). Its owner's
// loop sleeps in the kernel when there is nothing to do; the sender who finds it asleep rings the
// bell.
//
// How many letters it may have is bounded by what machines may have under way (io/post.h): they are
// counted, and one too many is a bug of ours and ends the process.
//
// The bell is an eventfd, watched edge-triggered: each ring is news, and it need not be read.
#pragma once

#include <cstdint>

#include "io/drop_box.h"
#include "io/letter.h"
#include "io/loop.h"
#include "io/sockets.h"

namespace pgweir::io {

using Letters = DropBox<Letter>::Taken;

class Mailbox final : public Watcher {
 public:
  // Letters that nobody has taken yet.
  static constexpr std::uint32_t capacity = 2304;

  Mailbox();

  // On any thread. Requires: there is room.
  void post(Letter letter);

  // The rest is the owner's. Begins to be woken; it must be taken from by then. The loop outlives
  // it, or makes no turn any more.
  void watch_on(Loop& loop);
  // False when there are letters: then its owner must not wait.
  bool fall_asleep() { return letters_.fall_asleep(); }
  // All that have come. The owner is awake from here on.
  Letters take() { return letters_.take(); }
  // The owner takes in each turn of its loop anyway.
  void ready(std::uint32_t) override {}

  // For tests: how often the bell was rung since it was asked for last.
  std::uint64_t rings();

 private:
  void ring();

  Descriptor bell_;
  DropBox<Letter> letters_;
};

}  // namespace pgweir::io
