// What belongs to sockets, by their ids: one thing per slot, since the slots of a kind are dense
// and one socket at a time has each. Things stay where they are while they are there.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "core/base/handle.h"

namespace pgweir::sim {

template <typename T>
class SocketTable {
 public:
  // Null: it is not there.
  T* find(SocketId id) const {
    const auto& slots = slots_[index(id)];
    if (id.slot >= slots.size() || slots[id.slot].generation != id.generation) return nullptr;
    return slots[id.slot].thing.get();
  }
  // Null: some socket has its slot.
  T* add(SocketId id) {
    auto& slots = slots_[index(id)];
    if (id.slot >= slots.size()) slots.resize(id.slot + 1);
    Slot& slot = slots[id.slot];
    if (slot.thing) return nullptr;
    ++counts_[index(id)];
    slot.generation = id.generation;
    slot.thing = std::make_unique<T>();
    return slot.thing.get();
  }
  void erase(SocketId id) {
    if (find(id) == nullptr) return;
    --counts_[index(id)];
    slots_[index(id)][id.slot].thing.reset();
  }
  bool taken(SocketKind kind, std::uint32_t slot) const {
    const auto& slots = slots_[static_cast<std::size_t>(kind)];
    return slot < slots.size() && slots[slot].thing;
  }
  std::size_t count(SocketKind kind) const { return counts_[static_cast<std::size_t>(kind)]; }
  // In the order of kinds, then slots.
  template <typename See>
  void for_each(See see) const {
    for (std::size_t kind = 0; kind < slots_.size(); ++kind) {
      for (std::uint32_t i = 0; i < slots_[kind].size(); ++i) {
        const Slot& slot = slots_[kind][i];
        if (slot.thing)
          see(SocketId{static_cast<SocketKind>(kind), i, slot.generation}, *slot.thing);
      }
    }
  }

 private:
  static constexpr std::size_t kind_count = 3;
  struct Slot {
    std::uint32_t generation = 0;
    std::unique_ptr<T> thing;
  };
  static std::size_t index(SocketId id) { return static_cast<std::size_t>(id.kind); }

  std::array<std::vector<Slot>, kind_count> slots_;
  std::array<std::size_t, kind_count> counts_{};
};

}  // namespace pgweir::sim
