#include "io/log_text.h"

#include <gtest/gtest.h>

namespace pgweir::io {
namespace {

std::string field(std::string_view value) {
  std::string line;
  append_field(line, "k", value);
  return line;
}

TEST(LogText, WritesPlainWordsAsTheyAre) {
  EXPECT_EQ(field("app_1"), "k=app_1");
  EXPECT_EQ(field("127.0.0.1:5432"), "k=127.0.0.1:5432");
}

TEST(LogText, QuotesWhatIsNotAPlainWord) {
  EXPECT_EQ(field(""), "k=\"\"");
  EXPECT_EQ(field("two words"), "k=\"two words\"");
  EXPECT_EQ(field("a=b"), "k=\"a=b\"") << "a value must not look like a key";
  EXPECT_EQ(field("caf\u00e9"), "k=\"caf\u00e9\"") << "UTF-8 is readable as it is";
}

TEST(LogText, EscapesWhatCouldForgeALineOrSpeakToATerminal) {
  EXPECT_EQ(field("a\nevent=exiting"), "k=\"a\\nevent=exiting\"");
  EXPECT_EQ(field("a\"b\\c"), "k=\"a\\\"b\\\\c\"");
  EXPECT_EQ(field("\x1b[2J\r\t\x7f"), "k=\"\\x1b[2J\\x0d\\x09\\x7f\"");
  EXPECT_EQ(field("\xc2\x9b"), "k=\"\\xc2\\x9b\"") << "U+009B is an escape sequence's start too";
  EXPECT_EQ(field("\xff"
                  "a\xc3"),
            "k=\"\\xffa\\xc3\"")
      << "what is not UTF-8";
  EXPECT_EQ(field(std::string_view("\0", 1)), "k=\"\\x00\"");
}

TEST(LogText, CutsLongValues) {
  const std::string line = field(std::string(10 * log_value_size_max, 'x'));
  EXPECT_LT(line.size(), log_value_size_max + 20);
  EXPECT_TRUE(line.ends_with("...\"")) << line;
}

TEST(LogText, WritesANoteWithStableKeysInOneOrder) {
  Note note{NoteKind::client_refused, Level::info};
  note.socket = {SocketKind::client, 7, 3};
  note.database = "app";
  note.user = "bo b";
  note.text = "no such user";
  note.sqlstate = "28P01";
  note.peer = {Endpoint::Family::ipv4, 5000, {127, 0, 0, 1}, {}};
  note.value = 12;
  EXPECT_EQ(line_of(note),
            "event=client_refused client=7.3 database=app user=\"bo b\" peer=127.0.0.1:5000 "
            "sqlstate=28P01 value=12 text=\"no such user\"");
  EXPECT_EQ(line_of(Note{NoteKind::draining, Level::info}), "event=draining");
}

}  // namespace
}  // namespace pgweir::io
