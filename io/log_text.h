// A log line's text: `event=NAME key=value …`. Made for people and for machines to read: the names
// are stable, the order of the keys is the same in every line, and whatever a peer sent is escaped,
// so that nobody can forge a line or speak to the reader's terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/note.h"

namespace pgweir::io {

// Bytes of one value; a longer one is cut and ends in "...".
inline constexpr std::size_t log_value_size_max = 2000;

// Appends " key=value" (without the space at a line's start). The value is quoted unless it is a
// plain word; control characters, quotes, backslashes and what is not UTF-8 are escaped.
void append_field(std::string& line, std::string_view key, std::string_view value);

std::string line_of(const Note& note);

}  // namespace pgweir::io
