// What the sockets of servers and cancels are called, for all to see: machines number theirs each
// for itself, and a server has another number at each machine it comes to. Here it has one name for
// its whole life, whichever machine has it. With one machine a name is that machine's own.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "core/base/handle.h"

namespace pgweir::sim {

class SocketNames {
 public:
  // A socket that a machine makes.
  SocketId make(std::uint8_t machine, SocketId own) {
    std::set<std::uint32_t>& taken = taken_[index(own)];
    std::uint32_t slot = 0;
    for (const std::uint32_t other : taken) {
      if (other != slot) break;
      ++slot;
    }
    taken.insert(slot);
    const SocketId name{own.kind, slot, ++generations_[{own.kind, slot}]};
    take(machine, own, name);
    return name;
  }
  // One that comes to a machine.
  void take(std::uint8_t machine, SocketId own, SocketId name) {
    names_[{machine, own}] = name;
    own_[name] = {machine, own};
  }
  // One that leaves it: the name stays.
  void leave(SocketId name) {
    const auto place = own_.find(name);
    if (place == own_.end()) return;
    names_.erase(place->second);
    own_.erase(place);
  }
  void forget(SocketId name) {
    leave(name);
    taken_[index(name)].erase(name.slot);
  }
  // What a machine calls it; none that it does not know.
  SocketId own(SocketId name) const {
    const auto found = own_.find(name);
    return found == own_.end() ? SocketId{} : found->second.second;
  }
  SocketId name(std::uint8_t machine, SocketId own) const {
    const auto found = names_.find({machine, own});
    return found == names_.end() ? SocketId{} : found->second;
  }

 private:
  static std::size_t index(SocketId id) { return static_cast<std::size_t>(id.kind); }

  std::map<std::pair<std::uint8_t, SocketId>, SocketId> names_;
  std::map<SocketId, std::pair<std::uint8_t, SocketId>> own_;
  std::array<std::set<std::uint32_t>, 3> taken_;
  std::map<std::pair<SocketKind, std::uint32_t>, std::uint32_t> generations_;
};

}  // namespace pgweir::sim
