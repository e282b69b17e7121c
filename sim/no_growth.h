// What comes and goes leaves nothing behind (O-41): when everybody has gone, the machine holds what
// it held when it began, its pools, and the room that the most clients at once and the longest step
// had. In blocks and in bytes: an entry that is never erased is a block, a table that only grows
// has ever more bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "core/event.h"
#include "sim/core_memory.h"

namespace pgweir::sim {

class NoGrowth {
 public:
  // The machine has taken its first step.
  void begin() { at_first_ = core_memory(); }
  void step(const Event& event, std::size_t effect_count, std::size_t client_count);
  // How much more than they may the machines hold, if they do.
  std::optional<std::string> excess(std::size_t machine_count, std::size_t pool_count) const;

 private:
  CoreMemory at_first_;
  std::size_t client_total_ = 0;
  std::size_t clients_most_ = 0;  // at once
  std::size_t effects_most_ = 0;  // of one step
};

}  // namespace pgweir::sim
