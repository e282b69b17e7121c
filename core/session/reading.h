// By what settings PostgreSQL reads a text as it prepares it: constants become values then, and
// stay what they are (PostgreSQL: "Message Flow", Extended Query; "Date/Time Input"). So a
// statement that was prepared by some of them is another one for whoever has others.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "core/session/parameters.h"

namespace pgweir::session {

// Of those that follow a client as tracked parameters.
inline constexpr std::array<std::size_t, 5> reading_parameters = {1, 2, 3, 4, 5};
static_assert(tracked_parameters[1] == "client_encoding");
static_assert(tracked_parameters[2] == "DateStyle");
static_assert(tracked_parameters[3] == "IntervalStyle");
static_assert(tracked_parameters[4] == "TimeZone");
static_assert(tracked_parameters[5] == "standard_conforming_strings");

// One of any that PostgreSQL reads texts by. name: in lower case, or as tracked_parameters has it.
bool reads_by(std::string_view name);

// What a client with these has texts read by: never empty, and no text goes on where another ends.
// settings: StartupSettings::text.
std::string reading_of(const ParameterSet& parameters, std::string_view settings,
                       const Values& values);

}  // namespace pgweir::session
