// What somebody probably meant by a name that is not known.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace pgweir::config {

// The name that takes the fewest insertions, deletions and replacements of a character, the first
// of several; empty when even that is a different word (more than half of the characters).
std::string_view nearest_name(std::string_view word, std::span<const std::string_view> names);

// "; did you mean NAME?", or nothing.
std::string suggestion(std::string_view word, std::span<const std::string_view> names);

// A name out of a file, made fit for a message: quoted, odd bytes replaced, cut after 64 bytes.
std::string quoted_name(std::string_view name);

}  // namespace pgweir::config
