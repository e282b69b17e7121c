#include "core/sql/quick_look.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "core/sql/letters.h"
#include "core/sql/tokens.h"

namespace pgweir::sql {
namespace {

// What they do is told by calls and clauses alone, which contain what is looked for.
constexpr std::array<std::string_view, 8> harmless{"select", "insert", "update", "delete",
                                                   "with",   "values", "merge",  "table"};

// The bytes at which to look closer, upper and lower case: where what is looked for ends.
constexpr std::array<bool, 256> make_ends() {
  std::array<bool, 256> ends{};
  for (const char c : std::string_view("gGpPvV&;")) ends[static_cast<unsigned char>(c)] = true;
  return ends;
}
constexpr std::array<bool, 256> ends = make_ends();

bool ends_with(std::string_view text, std::string_view lower_case) {
  return text.size() >= lower_case.size() &&
         std::ranges::equal(text.substr(text.size() - lower_case.size()), lower_case, {}, lower);
}

// Something that may have an effect ends at this place.
bool tells(std::string_view text, std::size_t place) {
  const std::string_view before = text.substr(0, place + 1);
  switch (lower(text[place])) {
    case 'g': return ends_with(before, "set_config") || ends_with(before, "pg_setting");
    case 'p': return ends_with(before, "temp");  // INTO TEMP, INTO pg_temp.
    case 'v': return ends_with(before, "_adv");  // pg_advisory_lock, pg_try_advisory_lock
    case '&': return ends_with(before, "u&");    // U&"..." may be any name
    case ';':
      return !std::ranges::all_of(text.substr(place),
                                  [](char c) { return is_space(c) || c == ';'; });
    default: return false;
  }
}

}  // namespace

bool may_have_effects(std::string_view text) {
  Tokens tokens(text, false);
  Token token = tokens.next();
  while (is_blank(token) || is_symbol(token, '(')) token = tokens.next();
  if (token.kind == TokenKind::end) return false;
  if (std::ranges::none_of(harmless, [&](auto word) { return is_word(token, word); })) return true;
  const auto behind = static_cast<std::size_t>(token.text.data() - text.data()) + token.text.size();
  for (std::size_t place = behind; place < text.size(); ++place) {
    if (ends[static_cast<unsigned char>(text[place])] && tells(text, place)) return true;
  }
  return false;
}

}  // namespace pgweir::sql
