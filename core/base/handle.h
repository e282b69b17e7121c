// Typed, generational names for things that come and go: a late event about a dead thing finds
// nothing, never a stranger that took its slot. Generation 0 is never issued.
#pragma once

#include <compare>
#include <cstdint>

namespace pgweir {

template <class Tag>
struct Handle {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;

  explicit operator bool() const { return generation != 0; }
  auto operator<=>(const Handle&) const = default;
};

using ClientHandle = Handle<struct ClientTag>;
using ServerHandle = Handle<struct ServerTag>;
using CancelHandle = Handle<struct CancelTag>;
using PoolHandle = Handle<struct PoolTag>;
using AccountHandle = Handle<struct AccountTag>;
using HostHandle = Handle<struct HostTag>;
using StatementHandle = Handle<struct StatementTag>;

// Whose byte stream a socket is. A client's was accepted, the other two the machine connects.
enum class SocketKind : std::uint8_t { client, server, cancel };

// One socket for its whole life, never reused. The shell numbers clients' sockets, the machine its
// own; slots are dense, so that either side may keep a table by slot.
struct SocketId {
  SocketKind kind = SocketKind::client;
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;

  explicit operator bool() const { return generation != 0; }
  auto operator<=>(const SocketId&) const = default;
};

constexpr SocketId socket_of(ClientHandle h) { return {SocketKind::client, h.slot, h.generation}; }
constexpr SocketId socket_of(ServerHandle h) { return {SocketKind::server, h.slot, h.generation}; }
constexpr SocketId socket_of(CancelHandle h) { return {SocketKind::cancel, h.slot, h.generation}; }

}  // namespace pgweir
