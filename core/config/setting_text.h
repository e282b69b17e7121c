// The texts of single values, as PgBouncer writes them: read and printed by integer arithmetic, in
// no locale. Pure functions; what is out of bounds or has anything left over is not read at all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace pgweir::config {

// Decimal digits without a leading zero (PgBouncer reads that as octal), within both bounds.
std::optional<std::int64_t> count_of(std::string_view text, std::int64_t min, std::int64_t max);

// Seconds with up to nine decimals: "15", "0.25". No sign, exponent or unit.
std::optional<Duration> seconds_of(std::string_view text, std::int64_t min_s, std::int64_t max_s);
// The shortest text that reads as the same duration. Requires: not negative.
std::string text_of_seconds(Duration duration);

// 0 and 1, true and false, yes and no, on and off, in any case.
std::optional<bool> boolean_of(std::string_view text);

// A file mode in octal digits, at most 0777.
std::optional<std::uint32_t> mode_of(std::string_view text);
std::string text_of_mode(std::uint32_t mode);

// Items between commas, without the blanks around them; empty ones are left out. Nothing when an
// item has a blank inside: a comma was forgotten.
std::optional<std::vector<std::string>> list_of(std::string_view text);

// Without blanks (space, tab) at both ends.
std::string_view trimmed(std::string_view text);
// Do both say the same in ASCII, whatever the case?
bool same_word(std::string_view a, std::string_view b);
bool has_control_character(std::string_view text);

}  // namespace pgweir::config
