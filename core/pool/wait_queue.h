// Clients in the order they came, linked through the clients themselves: joining, leaving and being
// served cost the same at any length. A client is in at most one queue.
#pragma once

#include <cstdint>

#include "core/base/assert.h"
#include "core/base/slot_map.h"
#include "core/session/client.h"

namespace pgweir::pool {

using ClientTable = SlotMap<session::Client, ClientHandle>;

class WaitQueue {
 public:
  ClientHandle first() const { return first_; }
  ClientHandle last() const { return last_; }
  std::uint32_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  void push_back(ClientTable& clients, session::Client& client) {
    PGWEIR_REQUIRE(!client.wait_previous && !client.wait_next, client.self.slot);
    client.wait_previous = last_;
    if (session::Client* last = clients.find(last_)) last->wait_next = client.self;
    last_ = client.self;
    if (!first_) first_ = client.self;
    ++size_;
  }

  // Requires: the client is in this queue.
  void remove(ClientTable& clients, session::Client& client) {
    PGWEIR_REQUIRE(size_ > 0, client.self.slot);
    session::Client* previous = clients.find(client.wait_previous);
    session::Client* next = clients.find(client.wait_next);
    (previous != nullptr ? previous->wait_next : first_) = client.wait_next;
    (next != nullptr ? next->wait_previous : last_) = client.wait_previous;
    client.wait_previous = {};
    client.wait_next = {};
    --size_;
  }

 private:
  ClientHandle first_;
  ClientHandle last_;
  std::uint32_t size_ = 0;
};

}  // namespace pgweir::pool
