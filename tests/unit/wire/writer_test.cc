#include "core/wire/writer.h"

#include <gtest/gtest.h>

#include "core/wire/error_fields.h"
#include "core/wire/reader.h"

namespace pgweir::wire {
namespace {

using namespace std::string_view_literals;

TEST(Writer, PatchesTheLengthWhenAMessageEnds) {
  std::string out;
  Writer(out).begin(BackendType::ready_for_query).u8('I').end();
  EXPECT_EQ(out, "Z\0\0\0\5I"sv);
  Writer(out).begin(FrontendType::query).text("x").end();
  EXPECT_EQ(out, "Z\0\0\0\5IQ\0\0\0\6x\0"sv);
}

TEST(Writer, CutsATextAtAZeroByteSoThatNothingIsSmuggled) {
  std::string out;
  Writer(out).begin(FrontendType::query).text("a\0X"sv).end();
  EXPECT_EQ(out, "Q\0\0\0\6a\0"sv);
}

TEST(ErrorFields, SayWhatWasWritten) {
  std::string out;
  write_error(out, ErrorSeverity::fatal, {sqlstate::invalid_password, "no", "try again"});
  const ErrorFields fields = read_error_fields(bytes_of(out).subspan(header_size));
  EXPECT_TRUE(fields.fatal());
  EXPECT_EQ(fields.code, "28P01");
  EXPECT_EQ(fields.message, "no");
}

TEST(ErrorFields, ComeFromTheBeginningOfACutMessage) {
  const ErrorFields fields =
      read_error_fields(bytes_of("SFEHLER\0VERROR\0C22012\0Mdivision by z"sv));
  EXPECT_EQ(fields.severity, "ERROR");
  EXPECT_EQ(fields.code, "22012");
  EXPECT_EQ(fields.message, "division by z");
}

TEST(ErrorFields, OfAMessageWithoutAnyAreEmpty) {
  for (const std::string_view body : {""sv, "\0"sv, "S"sv, "\0CXX000\0"sv}) {
    EXPECT_TRUE(read_error_fields(bytes_of(body)).code.empty());
  }
}

TEST(Reader, FailsForGoodAtAPartThatIsNotThere) {
  Reader reader(bytes_of("\0\1"sv));
  EXPECT_EQ(reader.u32(), 0u);
  EXPECT_TRUE(reader.failed());
  EXPECT_EQ(reader.u8(), 0);
  EXPECT_FALSE(reader.finished());
}

TEST(Reader, KnowsWhenNothingIsLeft) {
  Reader reader(bytes_of("\1\0\2abc\0"sv));
  EXPECT_EQ(reader.u8(), 1);
  EXPECT_EQ(reader.u16(), 2);
  EXPECT_FALSE(reader.finished());
  EXPECT_EQ(reader.text(), "abc");
  EXPECT_TRUE(reader.finished());
}

}  // namespace
}  // namespace pgweir::wire
