#include "core/base/text.h"

#include <algorithm>

namespace pgweir {

std::string in_seconds(Duration duration) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  std::string out = join(ms / 1000);
  if (auto fraction = ms % 1000; fraction != 0) {
    out += '.';
    for (auto digit = 100; digit > 0 && fraction != 0; fraction %= digit, digit /= 10) {
      out += static_cast<char>('0' + fraction / digit);
    }
  }
  return out + " s";
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::optional<std::int64_t> to_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace pgweir
