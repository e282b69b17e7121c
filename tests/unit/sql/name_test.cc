#include "core/sql/name.h"

#include <gtest/gtest.h>

namespace pgweir::sql {
namespace {

std::string named(std::string_view text, char escape = '\\') {
  return name_of(Tokens(text, false).next(), escape);
}

TEST(Name, IsInLowerCaseUnlessItIsInQuotes) {
  EXPECT_EQ(named("AbC_1$"), "abc_1$");
  EXPECT_EQ(named("\"AbC \"\"d\"\"\""), "AbC \"d\"");
  EXPECT_EQ(named("\xc3\x84"), "\xc3\x84");
}

TEST(Name, HasEscapesBehindUAndAmpersand) {
  EXPECT_EQ(named(R"(U&"d\0061t\+000061\\""")"), "data\\\"");
  EXPECT_EQ(named(R"(u&"!00e4!20ac\0061")", '!'), "\xc3\xa4\xe2\x82\xac\\0061");
  EXPECT_EQ(named(R"(U&"\d83d\de00")"), "\xf0\x9f\x98\x80");
  EXPECT_EQ(named(R"(U&"\00")"), "\\00");
}

TEST(Name, IsCutBetweenTwoCharacters) {
  const std::string long_name(62, 'a');
  EXPECT_EQ(named(long_name + "bc"), long_name + "b");
  EXPECT_EQ(named("\"" + long_name + "\xc3\xa4\""), long_name);
  EXPECT_EQ(named("\"" + long_name + "b\xc3\xa4\""), long_name + "b");
}

}  // namespace
}  // namespace pgweir::sql
