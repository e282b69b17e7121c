#include "core/config/setting_text.h"

#include <algorithm>
#include <array>

#include "core/base/text.h"

namespace pgweir::config {

namespace {

constexpr std::int64_t ns_in_second = 1'000'000'000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Digits only: to_integer alone would let a minus sign pass.
std::optional<std::int64_t> digits_of(std::string_view text) {
  if (!std::ranges::all_of(text, is_digit)) return std::nullopt;
  return to_integer(text);
}

}  // namespace

std::optional<std::int64_t> count_of(std::string_view text, std::int64_t min, std::int64_t max) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  const auto value = digits_of(text);
  if (!value || *value < min || *value > max) return std::nullopt;
  return value;
}

std::optional<Duration> seconds_of(std::string_view text, std::int64_t min_s, std::int64_t max_s) {
  const auto dot = text.find('.');
  const auto whole = digits_of(text.substr(0, dot));
  if (!whole || *whole > max_s) return std::nullopt;
  std::int64_t fraction_ns = 0;
  if (dot != std::string_view::npos) {
    const std::string_view decimals = text.substr(dot + 1);
    const auto value = digits_of(decimals);
    if (!value || decimals.size() > 9) return std::nullopt;
    fraction_ns = *value;
    for (auto place = decimals.size(); place < 9; ++place) fraction_ns *= 10;
  }
  if (*whole < min_s || (*whole == max_s && fraction_ns != 0)) return std::nullopt;
  return Duration(*whole * ns_in_second + fraction_ns);
}

std::string text_of_seconds(Duration duration) {
  std::string out = join(duration.count() / ns_in_second);
  auto fraction = duration.count() % ns_in_second;
  if (fraction == 0) return out;
  out += '.';
  for (auto digit = ns_in_second / 10; fraction != 0; fraction %= digit, digit /= 10) {
    out += static_cast<char>('0' + fraction / digit);
  }
  return out;
}

std::optional<bool> boolean_of(std::string_view text) {
  constexpr std::array<std::string_view, 4> yes = {"1", "true", "yes", "on"};
  constexpr std::array<std::string_view, 4> no = {"0", "false", "no", "off"};
  const auto says = [text](std::string_view word) { return same_word(text, word); };
  if (std::ranges::any_of(yes, says)) return true;
  if (std::ranges::any_of(no, says)) return false;
  return std::nullopt;
}

std::optional<std::uint32_t> mode_of(std::string_view text) {
  if (text.empty() || text.size() > 4) return std::nullopt;
  std::uint32_t mode = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    mode = mode * 8 + static_cast<std::uint32_t>(c - '0');
  }
  if (mode > 0777) return std::nullopt;
  return mode;
}

std::string text_of_mode(std::uint32_t mode) {
  std::string out = "0000";
  for (auto at = out.rbegin(); mode != 0 && at != out.rend(); ++at, mode /= 8) {
    *at = static_cast<char>('0' + mode % 8);
  }
  return out;
}

std::optional<std::vector<std::string>> list_of(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const std::string_view item = trimmed(text.substr(0, comma));
    if (std::ranges::any_of(item, is_blank)) return std::nullopt;
    if (!item.empty()) items.emplace_back(item);
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return items;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

}  // namespace pgweir::config
