// What the machine holds: the memory that was allocated in its steps and is not freed yet. Counted
// at operator new and delete, which core_memory.cc replaces for the whole program; exactly, as it
// was asked for, so that a count is the same in every build with the same containers. By thread.
#pragma once

#include <cstddef>

namespace pgweir::sim {

struct CoreMemory {
  std::size_t bytes = 0;
  std::size_t blocks = 0;
  std::size_t allocations = 0;  // that there ever were
};

// Allocations of this thread are the machine's from now on, or are not.
void count_core_memory(bool inside);
// Of this thread.
CoreMemory core_memory();

}  // namespace pgweir::sim
