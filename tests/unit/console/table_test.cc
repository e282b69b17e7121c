#include "core/console/table.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "tests/unit/console/result_set.h"

namespace {

using namespace std::string_literals;
using pgweir::console::Column;
using pgweir::console::int4;
using pgweir::console::Table;
using pgweir::console::testing::read_result_set;

std::string as_shown(std::string_view text) {
  std::string out;
  Table table(out, {{"x", Column::text}});
  table.row().text(text);
  table.done("SHOW");
  return read_result_set(out).row(0);
}

TEST(Table, writes_the_bytes_of_the_protocol) {
  std::string out = "before";
  Table table(out, {{"a", Column::text}, {"n", Column::int4}});
  table.row().text("hi").number(-7);
  table.row().null().number(0);
  table.done("SHOW");
  const std::string expected =
      "before"
      "T\0\0\0\x2e\0\2"
      "a\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0"
      "n\0\0\0\0\0\0\0\0\0\0\x17\0\4\xff\xff\xff\xff\0\0"
      "D\0\0\0\x12\0\2\0\0\0\2hi\0\0\0\2-7"
      "D\0\0\0\x0f\0\2\xff\xff\xff\xff\0\0\0\1"
      "0"
      "C\0\0\0\x09SHOW\0"s;
  EXPECT_EQ(out, expected);
}

TEST(Table, gives_each_type_its_oid_and_length) {
  std::string out;
  Table table(
      out, {{"s", Column::text}, {"i", Column::int4}, {"q", Column::int8}, {"N", Column::numeric}});
  table.done("SHOW");
  const auto result = read_result_set(out);
  EXPECT_EQ(result.types(), "siqN");
  ASSERT_EQ(result.columns.size(), 4u);
  EXPECT_EQ(result.columns[0].length, 0xffffu);
  EXPECT_EQ(result.columns[1].length, 4u);
  EXPECT_EQ(result.columns[2].length, 8u);
  EXPECT_EQ(result.columns[3].length, 0xffffu);
}

TEST(Table, without_rows_is_a_result_all_the_same) {
  std::string out;
  Table table(out, {{"a", Column::text}});
  table.done("SHOW");
  const auto result = read_result_set(out);
  EXPECT_EQ(result.names(), "a");
  EXPECT_TRUE(result.rows.empty());
  EXPECT_EQ(result.tag, "SHOW");
}

TEST(Table, writes_the_largest_numbers) {
  std::string out;
  Table table(out, {{"a", Column::numeric}, {"b", Column::int8}});
  table.row()
      .number(std::numeric_limits<std::uint64_t>::max())
      .number(std::numeric_limits<std::int64_t>::min());
  table.done("SHOW");
  EXPECT_EQ(read_result_set(out).row(0), "18446744073709551615|-9223372036854775808");
}

TEST(Table, keeps_utf8) {
  EXPECT_EQ(as_shown("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x90\x98"),
            "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x90\x98");
  EXPECT_EQ(as_shown("\xc2\x80\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"),
            "\xc2\x80\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf");
  EXPECT_EQ(as_shown(""), "");
}

TEST(Table, replaces_each_byte_that_is_not_utf8) {
  EXPECT_EQ(as_shown("a\xff"
                     "b"),
            "a?b");
  EXPECT_EQ(as_shown("\x80"), "?");
  EXPECT_EQ(as_shown("\xc3"), "?") << "cut off";
  EXPECT_EQ(as_shown("\xe2\x82"), "??") << "cut off";
  EXPECT_EQ(as_shown("\xf0\x9f\x90"
                     "x"),
            "???x")
      << "cut off in the middle";
  EXPECT_EQ(as_shown("\xc1\xbf"), "??") << "overlong";
  EXPECT_EQ(as_shown("\xe0\x9f\xbf"), "???") << "overlong";
  EXPECT_EQ(as_shown("\xf0\x8f\xbf\xbf"), "????") << "overlong";
  EXPECT_EQ(as_shown("\xed\xa0\x80"), "???") << "a surrogate";
  EXPECT_EQ(as_shown("\xf4\x90\x80\x80"), "????") << "beyond U+10FFFF";
  EXPECT_EQ(as_shown("\xf5\x80\x80\x80"), "????");
}

TEST(TableDeathTest, ends_the_process_rather_than_write_a_misshapen_row) {
  std::string out;
  EXPECT_DEATH(
      {
        Table table(out, {{"a", Column::text}, {"b", Column::text}});
        table.row().text("only one");
        table.done("SHOW");
      },
      "value_count_ == column_count_");
}

TEST(Int4, saturates) {
  EXPECT_EQ(int4(std::uint64_t{5}), 5);
  EXPECT_EQ(int4(std::int64_t{-5}), -5);
  EXPECT_EQ(int4(std::uint64_t{1} << 63), 2147483647);
  EXPECT_EQ(int4(std::int64_t{2147483648}), 2147483647);
  EXPECT_EQ(int4(std::numeric_limits<std::int64_t>::min()), -2147483647 - 1);
}

}  // namespace
