// What a client has asked in one batch of the extended protocol, outside a transaction, for as long
// as nothing of it is answered: so it may be asked once more, and its client does not notice
// (retry_prepared_statements). Not kept where it is longer than limits::unanswered_batch_size_max.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "core/base/bytes.h"
#include "core/wire/protocol.h"

namespace pgweir::session {

class UnansweredBatch {
 public:
  // Nothing is kept, and nothing was asked again.
  bool none() const { return state_ == State::none; }
  // The client says the next message, the beginning of it at least. begins: all that it has said
  // before is answered, and it is in no transaction.
  void says(wire::FrontendType type, Bytes beginning, bool begins);
  // What follows of that message.
  void add(Bytes bytes) {
    if (state_ == State::open) keep(bytes);
  }
  // Or something else has become of it: it cannot be asked again.
  void answered() {
    if (!none()) drop();
  }
  // It is all there, its Sync too, and nothing behind it.
  bool whole() const { return state_ == State::whole; }
  // Gives it away, to be asked again: once.
  std::vector<std::byte> ask_again() {
    state_ = State::again;
    return std::exchange(bytes_, {});
  }

 private:
  enum class State : std::uint8_t { none, open, whole, again };

  void keep(Bytes bytes);
  void drop();

  State state_ = State::none;
  std::vector<std::byte> bytes_;
};

}  // namespace pgweir::session
