#include "io/saslprep.h"

#include <gtest/gtest.h>

namespace pgweir::io {
namespace {

// RFC 4013, section 3.
TEST(Saslprep, PreparesTheExamplesOfTheRfc) {
  EXPECT_EQ(saslprep("I\u00ADX"), "IX") << "a soft hyphen is mapped to nothing";
  EXPECT_EQ(saslprep("user"), "user");
  EXPECT_EQ(saslprep("USER"), "USER") << "case is kept";
  EXPECT_EQ(saslprep("\u00AA"), "a");
  EXPECT_EQ(saslprep("\u2168"), "IX");
}

TEST(Saslprep, MapsOtherSpacesToASpace) { EXPECT_EQ(saslprep("a\u00A0b"), "a b"); }

TEST(Saslprep, UsesWhatItCannotPrepareAsItIs) {
  EXPECT_EQ(saslprep("\xff\xfe"), "\xff\xfe") << "not UTF-8";
  EXPECT_EQ(saslprep("\xc0\xaf"), "\xc0\xaf") << "overlong UTF-8";
  EXPECT_EQ(saslprep("\x07"), "\x07") << "a control character is prohibited";
  EXPECT_EQ(saslprep("\u00e9\x07"), "\u00e9\x07");
  EXPECT_EQ(saslprep("\u06271"), "\u06271") << "bidirectional text that the RFC refuses";
  EXPECT_EQ(saslprep("\u0221"), "\u0221") << "unassigned in Unicode 3.2";
  EXPECT_EQ(saslprep("\u00AD"), "\u00AD") << "nothing would be left";
  EXPECT_EQ(saslprep(""), "");
}

}  // namespace
}  // namespace pgweir::io
