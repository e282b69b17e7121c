// What core/sql promises of any text: for the property tests and for the fuzzer. Each law gives
// what is wrong, or nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/sql/name.h"
#include "core/sql/quick_look.h"
#include "core/sql/session_effects.h"
#include "core/sql/split.h"
#include "core/sql/tokens.h"

namespace pgweir::sql {

inline std::vector<Token> all_tokens(std::string_view text, bool backslash_escapes) {
  std::vector<Token> found;
  Tokens tokens(text, backslash_escapes);
  for (Token token = tokens.next(); token.kind != TokenKind::end; token = tokens.next()) {
    found.push_back(token);
  }
  return found;
}

// The same for texts that differ in blanks, comments and the case of what is in none.
inline std::string essence(std::string_view text, bool backslash_escapes) {
  std::string out;
  for (const Token& token : all_tokens(text, backslash_escapes)) {
    if (is_blank(token)) continue;
    out += token.kind == TokenKind::word ? in_lower_case(token.text) : std::string(token.text);
    out += ' ';
  }
  return out;
}

// All that is told of a text, in one.
inline std::string told(std::string_view text, bool backslash_escapes) {
  std::string out;
  Split statements(text, backslash_escapes);
  for (auto one = statements.next(); !one.empty(); one = statements.next()) {
    const Effects effects = effects_of(one, backslash_escapes);
    out += std::to_string(static_cast<int>(effects.command)) + " " + effects.name + " ";
    out += std::to_string(static_cast<int>(effects.discards));
    for (const bool flag : {effects.all, effects.with_hold, effects.temporary, effects.locks,
                            effects.unlocks, effects.definition_language, effects.any()}) {
      out += flag ? "+" : "-";
    }
    for (const Setting& setting : effects.settings) {
      out += " " + setting.name + (setting.scope == Scope::local ? " local" : " session");
    }
    for (const auto part :
         {effects.name_text, effects.types, effects.definition, effects.arguments}) {
      out += " | " + essence(part, backslash_escapes);
    }
    out += " = " + effects.value.value_or("?") + (effects.to_default ? " default" : "");
    out += "\n";
  }
  return out;
}

inline bool is_part_of(std::string_view part, std::string_view text) {
  return part.empty() ||
         (part.data() >= text.data() && part.data() + part.size() <= text.data() + text.size());
}

// Tokens are the text, in order.
inline std::string tokens_cover(std::string_view text, bool backslash_escapes) {
  const char* expected = text.data();
  for (const Token& token : all_tokens(text, backslash_escapes)) {
    if (token.text.empty() || token.text.data() != expected) return "a gap in the tokens";
    expected += token.text.size();
  }
  return expected == text.data() + text.size() ? "" : "the tokens do not reach to the end";
}

// Views are of the text, in order; settings are bounded.
inline std::string views_are_of_the_text(std::string_view text, bool backslash_escapes) {
  Split statements(text, backslash_escapes);
  const char* last = text.data();
  for (auto one = statements.next(); !one.empty(); one = statements.next()) {
    if (!is_part_of(one, text) || one.data() < last) return "a statement at a wrong place";
    last = one.data() + one.size();
    const Effects effects = effects_of(one, backslash_escapes);
    for (const auto part :
         {effects.name_text, effects.types, effects.definition, effects.arguments}) {
      if (!is_part_of(part, one)) return "a view of something else";
    }
    if (effects.settings.size() > settings_max) return "too many settings";
  }
  return "";
}

// What the quick look lets pass has nothing to be told.
inline std::string quick_look_misses_nothing(std::string_view text, bool backslash_escapes) {
  if (may_have_effects(text)) return "";
  Split statements(text, backslash_escapes);
  const auto first = statements.next();
  if (!statements.next().empty()) return "a second statement was missed";
  return effects_of(first, backslash_escapes).any() ? "an effect was missed" : "";
}

// What only begins or commits, as the quick look sees it, does.
inline std::string bare_is_bare(std::string_view text, bool backslash_escapes) {
  if (!only_begins_or_commits(text)) return "";
  Split statements(text, backslash_escapes);
  const Effects effects = effects_of(statements.next(), backslash_escapes);
  if (!statements.next().empty()) return "a second statement was missed";
  const bool bare = effects.command == Command::begin || effects.command == Command::commit;
  return bare && effects.settings.empty() ? "" : "it does something else";
}

inline std::string first_broken_law(std::string_view text, bool backslash_escapes) {
  for (const auto law :
       {tokens_cover, views_are_of_the_text, quick_look_misses_nothing, bare_is_bare}) {
    if (std::string wrong = law(text, backslash_escapes); !wrong.empty()) return wrong;
  }
  return "";
}

}  // namespace pgweir::sql
