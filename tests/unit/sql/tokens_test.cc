#include "core/sql/tokens.h"

#include <gtest/gtest.h>

#include <string>

namespace pgweir::sql {
namespace {

// Each token in brackets behind the letter of its kind; blanks are left out.
std::string tokens_of(std::string_view text, bool backslash_escapes = false) {
  constexpr std::string_view letters = "..cwqsnp";
  std::string out;
  Tokens tokens(text, backslash_escapes);
  for (Token token = tokens.next(); token.kind != TokenKind::end; token = tokens.next()) {
    if (token.kind == TokenKind::blank) continue;
    if (token.kind == TokenKind::symbol) {
      out += token.text;
      continue;
    }
    out += letters[static_cast<std::size_t>(token.kind)];
    out += "<" + std::string(token.text) + ">";
  }
  return out;
}

TEST(Tokens, OfAQueryAreItsWordsAndAllElse) {
  EXPECT_EQ(tokens_of("SELECT a.b, $1 FROM \"T\" WHERE x >= 1.5e-3;"),
            "w<SELECT>w<a>.w<b>,p<$1>w<FROM>q<\"T\">w<WHERE>w<x>>=n<1.5e-3>;");
}

TEST(Tokens, AWordHasLettersDigitsDollarsAndWhatIsNotAscii) {
  EXPECT_EQ(tokens_of("_a$1$$ \xc3\xa4 a1b"), "w<_a$1$$>w<\xc3\xa4>w<a1b>");
}

TEST(Tokens, AQuoteInAStringIsDoubled) {
  EXPECT_EQ(tokens_of("'a''b;' ';'"), "s<'a''b;'>s<';'>");
  EXPECT_EQ(tokens_of("\"a\"\"b;\" U&\"\\0061\"\"\""), "q<\"a\"\"b;\">q<U&\"\\0061\"\"\">");
}

TEST(Tokens, ABackslashEscapesInAStringThatSaysSo) {
  EXPECT_EQ(tokens_of(R"('a\' 'b')"), R"(s<'a\'>s<'b'>)");
  EXPECT_EQ(tokens_of(R"(e'a\'' E'\\' ';')"), R"(s<e'a\''>s<E'\\'>s<';'>)");
  EXPECT_EQ(tokens_of(R"(U&'\' n'\' x'0' B'1')"), R"(s<U&'\'>s<n'\'>s<x'0'>s<B'1'>)");
}

TEST(Tokens, ABackslashEscapesEverywhereInASessionOfThePast) {
  EXPECT_EQ(tokens_of(R"('a\' 'b N'\'' ';')", true), R"(s<'a\' '>w<b>s<N'\''>s<';'>)");
}

TEST(Tokens, StringsOfBitsHaveNoDoubledQuotes) {
  EXPECT_EQ(tokens_of(R"(b'1''\'')", true), R"(s<b'1'>s<'\''>)");
}

TEST(Tokens, AStringGoesOnInTheNextLine) {
  EXPECT_EQ(tokens_of("'a' \n 'b;' ;"), "s<'a' \n 'b;'>;");
  EXPECT_EQ(tokens_of("'a' -- why\n -- else\n'b' 'c'"), "s<'a' -- why\n -- else\n'b'>s<'c'>");
  EXPECT_EQ(tokens_of("e'a'\r'\\'' ';'"), "s<e'a'\r'\\''>s<';'>");
  EXPECT_EQ(tokens_of("'a' /**/ \n 'b'"), "s<'a'>c</**/>s<'b'>");
  EXPECT_EQ(tokens_of("'a'\ne'b'"), "s<'a'>s<e'b'>");
}

TEST(Tokens, ADollarQuotedStringEndsAtItsOwnTag) {
  EXPECT_EQ(tokens_of("$$a;'$$ $x$ $$ $y$ $x$ ;"), "s<$$a;'$$>s<$x$ $$ $y$ $x$>;");
  EXPECT_EQ(tokens_of("$a$$a$a$"), "s<$a$$a$>w<a$>");
  EXPECT_EQ(tokens_of("$X$ $x$ $X$"), "s<$X$ $x$ $X$>");
  EXPECT_EQ(tokens_of("$1$$x$$"), "p<$1>s<$$x$$>");
  EXPECT_EQ(tokens_of("$a b$ $1a$"), "$w<a>w<b$>p<$1>w<a$>");
}

TEST(Tokens, CommentsEndWithTheLineOrNest) {
  EXPECT_EQ(tokens_of("a--b;\nc"), "w<a>c<--b;>w<c>");
  EXPECT_EQ(tokens_of("a--b;\rc"), "w<a>c<--b;>w<c>");
  EXPECT_EQ(tokens_of("/* a /* b; */ ' */ c /**/ d"), "c</* a /* b; */ ' */>w<c>c</**/>w<d>");
  EXPECT_EQ(tokens_of("/*/* */ */*/"), "c</*/* */ */>*/");
}

TEST(Tokens, NoOperatorHasAComment) {
  EXPECT_EQ(tokens_of("a+--b\n*/*c*/d"), "w<a>+c<--b>*c</*c*/>w<d>");
}

TEST(Tokens, NumbersAreReadAsFarAsTheyGo) {
  EXPECT_EQ(tokens_of("1.2 .5 1. 1e5 1e 0xfF 1_000 1a"),
            "n<1.2>n<.5>n<1.>n<1e5>n<1>w<e>n<0xfF>n<1_000>n<1>w<a>");
}

TEST(Tokens, WhatDoesNotEndGoesToTheEnd) {
  for (const char* text : {"'a; b", "E'a\\", "\"a; b", "U&\"", "$x$ a; $y$", "/* a /* */ ;", "--;"})
    EXPECT_EQ(tokens_of(text).substr(1), "<" + std::string(text) + ">");
}

TEST(Tokens, AKeywordIsOneInAnyCaseAndWithoutQuotes) {
  EXPECT_TRUE(is_word({TokenKind::word, "SeLeCt"}, "select"));
  EXPECT_FALSE(is_word({TokenKind::word, "selects"}, "select"));
  EXPECT_FALSE(is_word({TokenKind::string, "select"}, "select"));
}

}  // namespace
}  // namespace pgweir::sql
