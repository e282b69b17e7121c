// Storage for objects that do not move, named by generational handles. An object lives from emplace
// (or place) to erase; pointers to it are good for as long, handles for ever (they find nothing
// then).
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/assert.h"
#include "core/base/handle.h"

namespace pgweir {

template <class T, class H>
class SlotMap {
 public:
  // Takes a free slot, lowest index first among those never used, else the one freed last.
  template <class... Args>
  std::pair<H, T*> emplace(Args&&... args) {
    std::uint32_t slot = 0;
    if (free_.empty()) {
      slot = static_cast<std::uint32_t>(slot_count_);
      grow_to(slot_count_ + 1);
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    Cell& cell = at(slot);
    if (++cell.generation == 0) cell.generation = 1;
    return {H{slot, cell.generation}, &fill(cell, std::forward<Args>(args)...)};
  }

  // For handles numbered elsewhere (a client's socket). Requires: the slot is empty. A map uses
  // either emplace or place, never both.
  template <class... Args>
  T& place(H handle, Args&&... args) {
    grow_to(std::size_t{handle.slot} + 1);
    Cell& cell = at(handle.slot);
    PGWEIR_REQUIRE(!cell.value.has_value(), handle.slot, cell.generation, handle.generation);
    cell.generation = handle.generation;
    placed_ = true;
    return fill(cell, std::forward<Args>(args)...);
  }

  T* find(H handle) {
    if (handle.slot >= slot_count_) return nullptr;
    Cell& cell = at(handle.slot);
    return cell.generation == handle.generation && cell.value.has_value() ? &*cell.value : nullptr;
  }
  const T* find(H handle) const { return const_cast<SlotMap*>(this)->find(handle); }

  void erase(H handle) {
    T* value = find(handle);
    PGWEIR_REQUIRE(value != nullptr, handle.slot, handle.generation);
    at(handle.slot).value.reset();
    if (!placed_) free_.push_back(handle.slot);
    --size_;
  }

  std::size_t size() const { return size_; }

  // In slot order, which is the same in every run. The visitor may erase the object it is given.
  template <class Visit>
  void each(Visit&& visit) {
    for (std::uint32_t slot = 0; slot < slot_count_; ++slot) {
      Cell& cell = at(slot);
      if (cell.value.has_value()) visit(H{slot, cell.generation}, *cell.value);
    }
  }
  template <class Visit>
  void each(Visit&& visit) const {
    const_cast<SlotMap*>(this)->each(
        [&](H handle, T& value) { visit(handle, std::as_const(value)); });
  }

 private:
  struct Cell {
    std::uint32_t generation = 0;
    std::optional<T> value;
  };
  static constexpr std::size_t chunk_cells = 64;

  Cell& at(std::uint32_t slot) { return chunks_[slot / chunk_cells][slot % chunk_cells]; }

  void grow_to(std::size_t slots) {
    while (chunks_.size() * chunk_cells < slots) {
      chunks_.push_back(std::make_unique<Cell[]>(chunk_cells));
    }
    if (slot_count_ < slots) slot_count_ = slots;
  }

  template <class... Args>
  T& fill(Cell& cell, Args&&... args) {
    ++size_;
    return cell.value.emplace(std::forward<Args>(args)...);
  }

  std::vector<std::unique_ptr<Cell[]>> chunks_;
  std::vector<std::uint32_t> free_;
  std::size_t slot_count_ = 0;
  std::size_t size_ = 0;
  bool placed_ = false;
};

}  // namespace pgweir
