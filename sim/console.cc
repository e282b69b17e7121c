#include "sim/console.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace pgweir::sim {

std::optional<std::string_view> ConsoleAnswer::text(std::size_t row,
                                                    std::string_view column) const {
  const auto found = std::ranges::find(columns, column);
  if (found == columns.end()) return std::nullopt;
  return rows[row][static_cast<std::size_t>(found - columns.begin())];
}

std::int64_t ConsoleAnswer::number(std::size_t row, std::string_view column) const {
  const std::string_view digits = text(row, column).value_or("");
  std::int64_t value = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return failed == std::errc() && end == digits.data() + digits.size() ? value : -1;
}

std::optional<ConsoleAnswer> ConsoleReader::hear(const Message& message) {
  switch (message.type) {
    case 'T': read_columns(Body(message.body)); break;
    case 'D': read_row(Body(message.body)); break;
    case 'C': answer_.tag = Body(message.body).text().value_or("?"); break;
    case 'E': answer_.error = error_field(message, 'C'); break;
    case 'I': answer_.nothing = true; break;
    case 'N': answer_.notice = true; break;
    case 'Z':
      if (message.body != "I") complaint_ = "a console that is in a transaction";
      return std::exchange(answer_, {});
    default: complaint_ = "a message of type " + std::string(1, message.type);
  }
  return std::nullopt;
}

void ConsoleReader::read_columns(Body body) {
  const int count = body.int16().value_or(-1);
  for (int i = 0; i < count; ++i) {
    const auto name = body.text();
    if (!name || !body.bytes(4 + 2 + 4 + 2 + 4 + 2)) break;
    answer_.columns.emplace_back(*name);
  }
  const bool right = std::cmp_equal(answer_.columns.size(), count) && body.rest().empty();
  if (!right) complaint_ = "a malformed RowDescription";
}

void ConsoleReader::read_row(Body body) {
  const int count = body.int16().value_or(-1);
  std::vector<std::string>& row = answer_.rows.emplace_back();
  for (int i = 0; i < count; ++i) {
    const auto size = body.int32();
    const auto value = body.bytes(static_cast<std::size_t>(std::max(size.value_or(0), 0)));
    if (!size || !value) break;
    row.emplace_back(*value);
  }
  const bool right = row.size() == answer_.columns.size() && std::cmp_equal(row.size(), count) &&
                     body.rest().empty();
  if (!right) complaint_ = "a malformed DataRow";
  row.resize(answer_.columns.size());
}

}  // namespace pgweir::sim
