#include "sim/startup_settings.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace pgweir::sim {

namespace {

// Of the model server, with values that are none of its defaults.
struct KnownSetting {
  const char* name;
  std::array<const char*, 2> values;
};
constexpr std::array<KnownSetting, 4> known_settings{{
    {"work_mem", {"64kB", "1GB"}},
    {"search_path", {"one two", "back\\slash"}},
    {"extra_float_digits", {"0", "3"}},
    {"geqo", {"off", "no"}},
}};

std::string in_capitals(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

// As a word of "options".
std::string option_word(std::string_view text) {
  std::string word;
  for (const char c : text) word.append(c == ' ' || c == '\\' ? "\\" : "").push_back(c);
  return word;
}

}  // namespace

StartupSettings draw_startup_settings(Tape& tape) {
  StartupSettings settings;
  std::string options;
  for (const KnownSetting& known : known_settings) {
    if (!tape.chance(1, 2)) continue;
    const std::uint32_t which = tape.below(2);
    const std::string name = tape.chance(1, 4) ? in_capitals(known.name) : known.name;
    const std::string value = known.values[which];
    const std::string other = known.values[1 - which];
    settings.effective.emplace(known.name, value);
    const auto add_option = [&](std::string_view before, const std::string& text) {
      options.append(options.empty() ? "" : " ").append(before);
      options.append(name).append("=").append(option_word(text));
    };
    switch (tape.below(4)) {
      case 0: settings.said.emplace_back(name, value); break;
      case 1: add_option("-c ", value); break;
      case 2: add_option("--", value); break;
      default:  // the packet counts more than its options, and the last of a name
        add_option("-c", other);
        settings.said.emplace_back(known.name, other);
        settings.said.emplace_back(name, value);
    }
  }
  if (options.empty()) return settings;
  const bool first = tape.chance(1, 2);
  settings.said.insert(first ? settings.said.begin() : settings.said.end(), {"options", options});
  return settings;
}

StartupSettings draw_refused_settings(Tape& tape) {
  StartupSettings settings = draw_startup_settings(tape);
  settings.effective.clear();
  if (tape.chance(1, 2)) {
    settings.said.emplace_back("work_mem", "invalid");
  } else {
    settings.said.emplace_back("nonsense", "1");
  }
  return settings;
}

}  // namespace pgweir::sim
