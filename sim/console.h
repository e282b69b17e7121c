// What the admin database says, as a client of it reads it: result sets, tags and errors. Written
// for the simulated operators; shares no code with core/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/messages.h"

namespace pgweir::sim {

struct ConsoleAnswer {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  // NULL reads as empty
  std::string tag;                             // of its CommandComplete
  std::string error;                           // SQLSTATE
  bool nothing = false;                        // EmptyQueryResponse
  bool notice = false;

  // A value by its column's name; nothing where there is no such column.
  std::optional<std::string_view> text(std::size_t row, std::string_view column) const;
  std::int64_t number(std::size_t row, std::string_view column) const;  // -1 if it is none
};

// Puts the messages of answers together, one command after the other.
class ConsoleReader {
 public:
  // The whole answer, when this message was its ReadyForQuery.
  std::optional<ConsoleAnswer> hear(const Message& message);
  // What was wrong with what it heard; empty: nothing.
  const std::string& complaint() const { return complaint_; }

 private:
  void read_columns(Body body);
  void read_row(Body body);

  ConsoleAnswer answer_;
  std::string complaint_;
};

}  // namespace pgweir::sim
