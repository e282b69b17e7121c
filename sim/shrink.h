// Makes a failure small: fewer choices, and calmer ones, as long as the same oracle fails.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

namespace pgweir::sim {

// The choices of a run, by tape: options, workload, network, faults.
using Choices = std::array<std::vector<std::uint32_t>, 4>;

// Drops and zeroes halves, quarters and so on down to single choices, then halves what is left,
// until nothing changes or the time is up. fails: whether a run of these fails the same way.
Choices shrink(Choices choices, const std::function<bool(const Choices&)>& fails,
               const std::function<bool()>& time_is_up);

}  // namespace pgweir::sim
