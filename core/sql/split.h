// The statements of a query's text, as PostgreSQL tells them apart: a semicolon ends one, unless it
// stands in parentheses (CREATE RULE) or in the body of a routine (CREATE FUNCTION ... BEGIN ATOMIC
// ... END). PostgreSQL: "Message Flow", Simple Query; CREATE RULE; CREATE FUNCTION, sql_body.
//
// A statement is a view of the text, good for as long as that, without the blanks and comments
// around it. Empty ones are left out, as PostgreSQL leaves them out. Of a text that PostgreSQL
// refuses nothing is run, and how it is split does not matter. The time is linear.
#pragma once

#include <string_view>

#include "core/sql/tokens.h"

namespace pgweir::sql {

class Split {
 public:
  Split(std::string_view text, bool backslash_escapes)
      : text_(text), tokens_(text, backslash_escapes) {}

  // Empty: that was the last one.
  std::string_view next();

 private:
  std::string_view text_;
  Tokens tokens_;
};

}  // namespace pgweir::sql
