// What one machine has for another, within its credit: so many letters may be under way as the
// other has not said to have taken. What is said beyond that waits here, in the order it was said,
// until some are.
//
// Of what is a level (core/seats/message.h) one letter waits for each thing it is about: what is
// said later takes the place of what waits, and nobody behind it has to wait for longer. A client
// that is to be handed over waits by its handle, stays the machine's until it goes, and waits no
// more when it is closed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/base/handle.h"
#include "core/base/limits.h"
#include "core/seats/message.h"

namespace pgweir::seats {

class Outbox {
 public:
  struct Waiting {
    ClientHandle client;  // none: it is a letter
    std::string letter;
    std::string subject;  // of a level: what it is about
  };

  // Whether a letter may go now; then nothing waits.
  bool has_credit() const { return under_way_ < limits::letters_under_way_max; }
  // For a letter that goes, or waits. Each is asked for once.
  LetterNumber next_number() { return ++last_number_; }
  // One goes. Requires: there is credit.
  void sent();
  // The other has taken limits::letters_taken_at_once.
  void taken();

  // One has to wait. Requires: there is no credit.
  void wait(const Message& message);
  void wait(ClientHandle client);
  // It need not be said any more, if it still waits.
  void withdraw(const Message& message);
  void withdraw(ClientHandle client);
  // The first that waits, which does so no more. None: nothing waits, or may go.
  struct Next {
    LetterNumber number;
    Waiting what;
  };
  std::optional<Next> next();

  std::uint32_t under_way() const { return under_way_; }
  std::size_t waiting_count() const { return waiting_.size(); }

 private:
  std::uint32_t under_way_ = 0;
  LetterNumber last_number_ = 0;
  std::map<LetterNumber, Waiting> waiting_;
  std::map<std::string, LetterNumber> levels_;  // by subject: where it waits
};

}  // namespace pgweir::seats
