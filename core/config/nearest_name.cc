#include "core/config/nearest_name.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "core/base/text.h"

namespace pgweir::config {

namespace {

// Longer words are nobody's typing error, and cost time with every name.
constexpr std::size_t word_size_max = 64;

// Levenshtein's distance, one row at a time.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view nearest_name(std::string_view word, std::span<const std::string_view> names) {
  if (word.size() > word_size_max) return {};
  std::string_view nearest;
  std::size_t least = word.size() / 2 + 1;
  for (const std::string_view name : names) {
    if (const std::size_t steps = distance(word, name); steps < least) {
      nearest = name;
      least = steps;
    }
  }
  return nearest;
}

std::string suggestion(std::string_view word, std::span<const std::string_view> names) {
  const std::string_view nearest = nearest_name(word, names);
  return nearest.empty() ? std::string() : join("; did you mean ", nearest, "?");
}

std::string quoted_name(std::string_view name) {
  std::string out = "\"";
  for (const char c : name.substr(0, word_size_max)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte >= 0x7f || c == '"' ? '?' : c;
  }
  out += name.size() > word_size_max ? "...\"" : "\"";
  return out;
}

}  // namespace pgweir::config
