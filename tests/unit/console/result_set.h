// Reads back the messages of one console answer, independently of the code that wrote them
// (PostgreSQL: "Message Formats"). A malformed byte fails the test that reads it.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgweir::console::testing {

struct ResultSet {
  struct ReadColumn {
    std::string name;
    std::uint32_t oid = 0;
    std::uint32_t length = 0;  // -1 as 0xffff
  };
  std::vector<ReadColumn> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;
  std::string tag;

  std::string names() const {
    std::string out;
    for (const ReadColumn& column : columns) out += (out.empty() ? "" : " ") + column.name;
    return out;
  }
  // A letter a column: i int4, q int8, s text, N numeric, ? anything else.
  std::string types() const {
    std::string out;
    for (const ReadColumn& column : columns) {
      out += column.oid == 23     ? 'i'
             : column.oid == 20   ? 'q'
             : column.oid == 25   ? 's'
             : column.oid == 1700 ? 'N'
                                  : '?';
    }
    return out;
  }
  // A row with '|' between its values, NULL as <null>.
  std::string row(std::size_t index) const {
    std::string out;
    for (const auto& value : rows.at(index)) out += value.value_or("<null>") + "|";
    if (!out.empty()) out.pop_back();
    return out;
  }
};

class ResultSetReader {
 public:
  explicit ResultSetReader(std::string_view bytes) : bytes_(bytes) {}

  ResultSet read() {
    while (!bytes_.empty() && !::testing::Test::HasFatalFailure()) read_message();
    return result_;
  }

 private:
  void read_message() {
    ASSERT_TRUE(result_.tag.empty()) << "nothing may follow CommandComplete";
    const char type = bytes_.front();
    bytes_.remove_prefix(1);
    const std::uint32_t length = number(4);
    ASSERT_GE(length, 4u);
    ASSERT_LE(length - 4, bytes_.size()) << "a message longer than what there is: " << type;
    const std::string_view after = bytes_.substr(length - 4);
    if (type == 'T') read_columns();
    if (type == 'D') read_row();
    if (type == 'C') result_.tag = zero_ended();
    ASSERT_TRUE(type == 'T' || type == 'D' || type == 'C') << "unexpected message " << type;
    ASSERT_EQ(bytes_.size(), after.size()) << "the length does not fit the fields of " << type;
  }
  void read_columns() {
    const std::uint32_t count = number(2);
    for (std::uint32_t i = 0; i < count; ++i) {
      ResultSet::ReadColumn column;
      column.name = zero_ended();
      EXPECT_EQ(number(4), 0u) << "no table";
      EXPECT_EQ(number(2), 0u) << "no attribute";
      column.oid = number(4);
      column.length = number(2);
      EXPECT_EQ(number(4), 0xffffffffu) << "no modifier";
      EXPECT_EQ(number(2), 0u) << "text format";
      result_.columns.push_back(column);
    }
  }
  void read_row() {
    const std::uint32_t count = number(2);
    EXPECT_EQ(count, result_.columns.size());
    auto& row = result_.rows.emplace_back();
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t length = number(4);
      if (length == 0xffffffff) {
        row.emplace_back();
      } else {
        ASSERT_LE(length, bytes_.size());
        row.emplace_back(std::string(bytes_.substr(0, length)));
        bytes_.remove_prefix(length);
      }
    }
  }
  std::uint32_t number(std::size_t size) {
    EXPECT_LE(size, bytes_.size()) << "a number is cut off";
    std::uint32_t value = 0;
    for (; size > 0 && !bytes_.empty(); --size, bytes_.remove_prefix(1)) {
      value = value << 8 | static_cast<std::uint8_t>(bytes_.front());
    }
    return value;
  }
  std::string zero_ended() {
    const std::size_t end = bytes_.find('\0');
    EXPECT_NE(end, std::string_view::npos) << "a text without its end";
    const std::string text(bytes_.substr(0, end));
    bytes_.remove_prefix(end == std::string_view::npos ? bytes_.size() : end + 1);
    return text;
  }

  std::string_view bytes_;
  ResultSet result_;
};

inline ResultSet read_result_set(std::string_view bytes) { return ResultSetReader(bytes).read(); }

}  // namespace pgweir::console::testing
