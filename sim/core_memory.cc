#include "sim/core_memory.h"

#include <cstdlib>
#include <new>

namespace pgweir::sim {

namespace {

thread_local CoreMemory held;
thread_local bool counting = false;

// In front of every block of the program: whose it is is known wherever it is freed.
struct alignas(__STDCPP_DEFAULT_NEW_ALIGNMENT__) Header {
  std::size_t size;
  bool counted;
};

// Null: there is none.
void* allocate(std::size_t size) noexcept {
  void* const memory = std::malloc(sizeof(Header) + size);
  if (memory == nullptr) return nullptr;
  Header* const header = new (memory) Header{size, counting};
  if (counting) {
    held.bytes += size;
    ++held.blocks;
    ++held.allocations;
  }
  return header + 1;
}

void* allocate_or_throw(std::size_t size) {
  void* const memory = allocate(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void release(void* memory) {
  if (memory == nullptr) return;
  Header* const header = static_cast<Header*>(memory) - 1;
  if (header->counted) {
    held.bytes -= header->size;
    --held.blocks;
  }
  std::free(header);
}

}  // namespace

void count_core_memory(bool inside) { counting = inside; }

CoreMemory core_memory() { return held; }

}  // namespace pgweir::sim

void* operator new(std::size_t size) { return pgweir::sim::allocate_or_throw(size); }
void* operator new[](std::size_t size) { return pgweir::sim::allocate_or_throw(size); }
// A sanitizer has its own of these too, whose blocks have no header.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return pgweir::sim::allocate(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return pgweir::sim::allocate(size);
}
void operator delete(void* memory) noexcept { pgweir::sim::release(memory); }
void operator delete[](void* memory) noexcept { pgweir::sim::release(memory); }
void operator delete(void* memory, std::size_t) noexcept { pgweir::sim::release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { pgweir::sim::release(memory); }
