// The tokens of PostgreSQL's SQL. PostgreSQL: "SQL Syntax", Lexical Structure; and the rules of its
// scan.l, down to what ends what.
//
// A token is a view of the text, good for as long as the text. Together they are the text: in
// order, without a gap. What is not terminated (a string, a comment) reaches to the end; PostgreSQL
// refuses such a text. Nothing is allocated, nothing read beyond the text, and the time is linear.
//
// The text is in an encoding whose bytes below 0x80 are always ASCII, as all of the server's are.
// A client that uses SJIS, BIG5, GBK, GB18030, UHC or JOHAB may have others, and is not understood.
#pragma once

#include <cstdint>
#include <string_view>

namespace pgweir::sql {

enum class TokenKind : std::uint8_t {
  end,          // behind the last one; has no text
  blank,        // spaces, and ends of lines
  comment,      // to the end of the line, or nested
  word,         // a keyword, or an identifier without quotes
  quoted_name,  // "..." and U&"..."
  string,     // '...', E'', B'', X'', N'', U&'', $tag$...$tag$; continued ones with what is between
  number,     // without a sign
  parameter,  // $1
  symbol,     // any other character; an operator of several is as many symbols
};

struct Token {
  TokenKind kind = TokenKind::end;
  std::string_view text;
};

class Tokens {
 public:
  // backslash_escapes: standard_conforming_strings is off, and '...' is read as E'...' is.
  Tokens(std::string_view text, bool backslash_escapes)
      : rest_(text), backslash_escapes_(backslash_escapes) {}

  Token next();

 private:
  std::string_view rest_;
  bool backslash_escapes_;
};

// Whether it is this keyword, which is given in lower case.
bool is_word(const Token& token, std::string_view keyword);
inline bool is_symbol(const Token& token, char symbol) {
  return token.kind == TokenKind::symbol && token.text.front() == symbol;
}
inline bool is_blank(const Token& token) {
  return token.kind == TokenKind::blank || token.kind == TokenKind::comment;
}

}  // namespace pgweir::sql
