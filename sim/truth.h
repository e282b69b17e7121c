// Whether what SHOW says is so (O-42): the answers of one step against the world as it stood after
// that step. What the pooler has not been told yet it cannot say, so a count may lie between what
// is certain and what is on its way; where both are the same it must be exact.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "core/config/settings.h"
#include "sim/census.h"
#include "sim/console.h"

namespace pgweir::sim {

// The world after a step.
struct Stock {
  Census census;
  Settings settings;  // in force
  bool one_machine;   // its pools are whole
  bool still;         // nothing is on its way anywhere, and nobody is at anything
  std::set<std::pair<std::uint8_t, std::uint32_t>> idle;  // backends, by host and pid
};

// What is wrong with the answer to this command; nothing if it is the truth.
std::optional<std::string> untruth(std::string_view command, const ConsoleAnswer& answer,
                                   const Stock& stock);

}  // namespace pgweir::sim
