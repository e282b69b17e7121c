#include "core/sql/quick_look.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "core/sql/letters.h"
#include "core/sql/tokens.h"

namespace pgweir::sql {
namespace {

// Behind the spaces, comments and opening parentheses at its beginning.
std::string_view from_first_word(std::string_view text) {
  const std::string_view rest(std::ranges::find_if_not(text, is_space), text.end());
  if (rest.empty() || begins_word(rest.front())) return rest;
  Tokens tokens(rest, false);
  Token token = tokens.next();
  while (is_blank(token) || is_symbol(token, '(')) token = tokens.next();
  return rest.substr(static_cast<std::size_t>(token.text.data() - rest.data()));
}

// Of statements whose effects are told by calls and clauses alone, which contain what is looked
// for: the size of their first word. 0: it is another's.
std::size_t harmless_word(std::string_view text) {
  const auto same = [](char small, char c) { return (c | ('a' - 'A')) == small; };
  const auto size_if = [&](std::string_view word) {
    const std::size_t size = word.size();
    if (text.size() < size || !std::equal(word.begin(), word.end(), text.begin(), same))
      return std::size_t{0};
    return text.size() == size || !goes_on_in_word(text[size]) ? size : std::size_t{0};
  };
  switch (lower(text.front())) {
    case 'd': return size_if("delete");
    case 'i': return size_if("insert");
    case 'm': return size_if("merge");
    case 's': return size_if("select");
    case 't': return size_if("table");
    case 'u': return size_if("update");
    case 'v': return size_if("values");
    case 'w': return size_if("with");
    default: return 0;
  }
}

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
  const std::string_view statement = from_first_word(text);
  if (statement.empty()) return false;
  const std::size_t word = harmless_word(statement);
  if (word == 0) return true;
  const auto is_end = [](char c) { return ends[static_cast<unsigned char>(c)]; };
  const auto* const begin = statement.begin();
  const auto* at = std::find_if(begin + word, statement.end(), is_end);
  for (; at != statement.end(); at = std::find_if(at + 1, statement.end(), is_end)) {
    if (tells(statement, static_cast<std::size_t>(at - begin))) return true;
  }
  return false;
}

bool only_begins_or_commits(std::string_view text) {
  while (!text.empty() && (is_space(text.back()) || text.back() == ';')) text.remove_suffix(1);
  const auto is = [&](std::string_view word) { return std::ranges::equal(text, word, {}, lower); };
  return is("begin") || is("commit") || is("end");
}

}  // namespace pgweir::sql
