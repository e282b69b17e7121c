// Every global setting once: its name (PgBouncer's), where it lives in Settings, what its text may
// be, and whether a reload may change it. Both file formats, SHOW CONFIG and the documentation read
// this table; defaults are those of a default Settings, so they stand in settings.h only.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/config/settings.h"

namespace pgweir::config {

// The order of Setting::field's alternatives.
enum class SettingKind : std::uint8_t {
  count,     // decimal digits
  port,      // 1 to 65535
  mode,      // of a file, octal
  machines,  // decimal digits, or auto
  boolean,   // 0 or 1, as PgBouncer; words too
  duration,  // seconds, up to nine decimals
  text,
  list,  // items between commas
  auth_type,
  pool_mode,
  session_state,
};

struct Setting {
  std::string_view name;
  std::variant<std::int32_t Settings::*, std::uint16_t Settings::*, std::uint32_t Settings::*,
               std::uint8_t Settings::*, bool Settings::*, Duration Settings::*,
               std::string Settings::*, std::vector<std::string> Settings::*, AuthType Settings::*,
               PoolMode Settings::*, SessionStatePolicy Settings::*>
      field;
  bool changeable;       // by a reload; others need a restart
  std::int64_t min = 0;  // of counts, and of durations in seconds
  std::int64_t max = 0;
  std::string_view unit = {};  // of counts that have one

  SettingKind kind() const { return static_cast<SettingKind>(field.index()); }
};

// Sorted by name, which is SHOW CONFIG's order.
std::span<const Setting> all_settings();
const Setting* find_setting(std::string_view name);

// The error says what is allowed and never repeats the text: it could be a secret gone astray.
// Settings are untouched then.
std::expected<void, std::string> set(Settings& settings, std::string_view name,
                                     std::string_view text);
// A list item by item, as TOML's arrays have it. Requires: the setting is a list.
std::expected<void, std::string> set(Settings& settings, const Setting& setting,
                                     std::vector<std::string> items);

// As set reads it: SHOW CONFIG's value and default.
std::string value(const Settings& settings, const Setting& setting);
std::string default_value(const Setting& setting);

// What a text may be, to end a sentence with: "a whole number from 0 to 1000000".
std::string allowed(const Setting& setting);

std::string_view text_of(PoolMode mode);
// pool_mode as databases and users may have it too.
std::expected<PoolMode, std::string> pool_mode_of(std::string_view text);
// session_state as databases may have it too.
std::expected<SessionStatePolicy, std::string> session_state_of(std::string_view text);

// Bounds of every count of connections or servers.
inline constexpr std::int64_t connections_max = 1'000'000;
// Prepared statements of a server: their digests go along when it changes machines.
inline constexpr std::int64_t prepared_statements_max = 10'000;

}  // namespace pgweir::config
