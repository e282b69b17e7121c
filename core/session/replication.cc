#include "core/session/replication.h"

#include <algorithm>

namespace pgweir::session {

namespace {

// Without case. least: letters, with fewer of which it could be another word.
bool is_word(std::string_view value, std::string_view word, std::size_t least) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return value.size() >= least && value.size() <= word.size() &&
         std::ranges::equal(value, word.substr(0, value.size()), {}, lower);
}

}  // namespace

std::optional<Replication> read_replication(std::string_view value) {
  if (value == "database") return Replication::logical;
  if (value == "1" || is_word(value, "true", 1) || is_word(value, "yes", 1) ||
      is_word(value, "on", 2)) {
    return Replication::physical;
  }
  if (value == "0" || is_word(value, "false", 1) || is_word(value, "no", 1) ||
      is_word(value, "off", 2)) {
    return Replication::none;
  }
  return std::nullopt;
}

std::string_view name_of(Replication replication) {
  switch (replication) {
    case Replication::none: return "none";
    case Replication::logical: return "logical";
    case Replication::physical: return "physical";
  }
  return "none";
}

std::string_view value_of(Replication replication) {
  return replication == Replication::logical ? "database" : "true";
}

}  // namespace pgweir::session
