#include "config/connect_string.h"

#include <optional>
#include <utility>

#include "core/base/text.h"
#include "core/config/setting_text.h"

namespace pgweir::config {

namespace {

constexpr std::string_view blanks = " \t";

// The value in quotes at the front; nothing when it does not end or something sticks to its end.
std::optional<std::string> take_quoted(std::string_view& text) {
  std::string out;
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] != '\'') {
      out += text[at];
    } else if (at + 1 < text.size() && text[at + 1] == '\'') {
      out += text[at++];
    } else {
      text.remove_prefix(at + 1);
      if (!text.empty() && blanks.find(text.front()) == std::string_view::npos) return std::nullopt;
      return out;
    }
  }
  return std::nullopt;
}

}  // namespace

std::expected<std::vector<KeyValue>, std::string> parse_connect_string(std::string_view text) {
  std::vector<KeyValue> pairs;
  for (text = trimmed(text); !text.empty(); text = trimmed(text)) {
    const std::string where = join("part ", pairs.size() + 1, " of the line: ");
    const std::string_view key = text.substr(0, text.find_first_of(" \t="));
    text = trimmed(text.substr(key.size()));
    if (key.empty() || !text.starts_with('=')) {
      return std::unexpected(where + "expected key=value; values with blanks need single quotes");
    }
    text = trimmed(text.substr(1));
    std::string value;
    if (text.starts_with('\'')) {
      auto taken = take_quoted(text);
      if (!taken) {
        return std::unexpected(where +
                               "a value in single quotes ends with one, followed by a blank; a "
                               "quote inside it is written twice");
      }
      value = std::move(*taken);
    } else {
      value = text.substr(0, text.find_first_of(blanks));
      text.remove_prefix(value.size());
    }
    if (value.empty()) return std::unexpected(where + "the value is missing");
    pairs.push_back({std::string(key), std::move(value)});
  }
  return pairs;
}

}  // namespace pgweir::config
