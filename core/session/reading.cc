#include "core/session/reading.h"

#include <algorithm>

#include "core/session/startup_settings.h"

namespace pgweir::session {

namespace {

// PostgreSQL reports none of these, so they follow a client with its settings.
constexpr std::array<std::string_view, 6> unreported = {
    "array_nulls",           "backslash_quote", "lc_monetary", "timezone_abbreviations",
    "transform_null_equals", "xmloption"};

bool is_unreported(std::string_view name) {
  return std::ranges::any_of(unreported, [&](auto one) { return same_name(one, name); });
}

void add(std::string& reading, std::string_view text) { reading.append(text).push_back('\0'); }

}  // namespace

bool reads_by(std::string_view name) {
  const auto index = tracked_index(name);
  return index ? std::ranges::find(reading_parameters, *index) != reading_parameters.end()
               : is_unreported(name);
}

std::string reading_of(const ParameterSet& parameters, std::string_view settings,
                       const Values& values) {
  std::string reading;
  for (const std::size_t index : reading_parameters) add(reading, values.text(parameters[index]));
  for (const auto& [name, value] : settings_of(settings)) {
    if (!reads_by(name)) continue;
    add(reading, name);
    add(reading, value);
  }
  add(reading, {});
  return reading;
}

}  // namespace pgweir::session
