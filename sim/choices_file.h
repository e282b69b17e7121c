// The choices of a run as a file that people can read and `pgweir-sim --choices` runs again: its
// mode, then each tape's choices, a line each.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "sim/options.h"
#include "sim/shrink.h"

namespace pgweir::sim {

// False: it could not be written.
bool write_choices(const std::string& path, Mode mode, const Choices& choices);
// Nothing: there is no such file, or it is something else.
std::optional<std::pair<Mode, Choices>> read_choices(const std::string& path);

}  // namespace pgweir::sim
