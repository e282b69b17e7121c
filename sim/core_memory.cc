#include "sim/core_memory.h"

#include <cstdlib>
#include <new>
#include <utility>

namespace pgweir::sim {

namespace {

thread_local CoreMemory given_out;
thread_local bool counting = false;

// In front of every block of the program: whose it is is known wherever it is freed.
struct alignas(__STDCPP_DEFAULT_NEW_ALIGNMENT__) Header {
  std::size_t size;
  bool counted;
};

// Small blocks that were freed, by their size in headers, for the next who asks: several times as
// quick as the library's own, which a sanitizer needs to see.
#ifdef PGWEIR_SANITIZED
constexpr std::size_t spare_size_max = 0;
#else
constexpr std::size_t spare_size_max = 1024;
#endif

struct Spare {
  Spare* next;
};
thread_local Spare* spares[spare_size_max / sizeof(Header) + 1];

std::size_t rounded(std::size_t size) {
  return (size + sizeof(Header) - 1) / sizeof(Header) * sizeof(Header);
}

void* take(std::size_t size) {
  if (size > spare_size_max) return std::malloc(size);
  Spare*& first = spares[size / sizeof(Header)];
  if (first == nullptr) return std::malloc(size);
  return std::exchange(first, first->next);
}

void put_back(void* memory, std::size_t size) {
  if (size > spare_size_max) return std::free(memory);
  Spare*& first = spares[size / sizeof(Header)];
  first = new (memory) Spare{first};
}

// Null: there is none.
void* allocate(std::size_t size) noexcept {
  void* const memory = take(rounded(sizeof(Header) + size));
  if (memory == nullptr) return nullptr;
  Header* const header = new (memory) Header{size, counting};
  if (counting) {
    given_out.bytes += size;
    ++given_out.blocks;
    ++given_out.allocations;
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
    given_out.bytes -= header->size;
    --given_out.blocks;
  }
  put_back(header, rounded(sizeof(Header) + header->size));
}

}  // namespace

void count_core_memory(bool inside) { counting = inside; }

CoreMemory core_memory() { return given_out; }

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
