// A result set for one console command, written as PostgreSQL messages to the end of a buffer:
// RowDescription, a DataRow a row, CommandComplete (PostgreSQL: "Message Formats"). All values are
// in text format. ReadyForQuery is the caller's, as for every command.
//
//   Table table(out, {{"name", Column::text}, {"count", Column::int4}});
//   table.row().text("a").number(5);
//   table.row().text("b").null();
//   table.done("SHOW");
//
// The table owns nothing: the buffer outlives it. Nobody else writes to the buffer until done().
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/text.h"
#include "core/wire/writer.h"

namespace pgweir::console {

struct Column {
  // The numbers are PostgreSQL's type OIDs, so that drivers give programs numbers for numbers.
  enum class Type : std::uint16_t { int8 = 20, int4 = 23, text = 25, numeric = 1700 };
  using enum Type;

  std::string_view name;
  Type type;
};

class Table {
 public:
  Table(std::string& out, std::initializer_list<Column> columns);
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // Begins a row. Requires: the row before has a value for each column.
  Table& row();

  // The row's next value. Names come from clients and may be in any encoding, while the console
  // says it speaks UTF-8: bytes that are not UTF-8 become '?', so that no client's name can break
  // another program's decoding.
  Table& text(std::string_view value);
  template <std::integral T>
  Table& number(T value) {
    std::string digits;
    append(digits, value);
    return cell(digits);
  }
  Table& null();

  // Ends the table. Requires: the last row has a value for each column.
  void done(std::string_view tag);

 private:
  Table& cell(std::string_view value);
  void end_row();

  std::uint16_t count_field() const { return static_cast<std::uint16_t>(column_count_); }

  wire::Writer writer_;
  std::size_t column_count_;
  std::size_t value_count_;  // of the row begun last
  bool in_row_ = false;
};

// A count as int4 holds it: what is too large becomes the largest, what is too small the smallest.
template <std::integral T>
constexpr std::int32_t int4(T number) {
  using Limits = std::numeric_limits<std::int32_t>;
  if (std::cmp_greater(number, Limits::max())) return Limits::max();
  if (std::cmp_less(number, Limits::min())) return Limits::min();
  return static_cast<std::int32_t>(number);
}

}  // namespace pgweir::console
