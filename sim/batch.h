// Many seeds of one mode, by several threads, and what they come to.
#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

#include "sim/simulation.h"

namespace pgweir::sim {

struct Totals {
  std::uint64_t seeds = 0;
  std::uint64_t useful = 0;  // of those: all their steps, and enough of the requests answered
  std::uint64_t steps = 0;
  std::uint64_t asked = 0;
  std::uint64_t answered = 0;
  double seconds = 0;  // of a real clock
  Probes probes;

  Totals& operator+=(const Totals& other);
};

// "2000 seeds (1987 useful), 41234567 steps, 0 failures, 97.1 % answered, 23.4 seeds/s, 481234
// steps/s".
void tell_totals(std::FILE* to, const Totals& totals, std::uint64_t failure_count);

struct BatchResult {
  Totals totals;
  std::uint64_t trace = 0;  // of all its runs, whichever thread ran which: the sum of their hashes
  std::optional<std::uint64_t> failed_seed;  // the lowest that was seen to fail
  Outcome failure;
};

// The seeds first to first + count - 1 up to the first failure. Some are run twice, and both have
// to be the same run. A line of progress every few seconds to stderr.
BatchResult run_batch(Mode mode, std::uint64_t first, std::uint64_t count, unsigned jobs);

// A failed assertion ends the process from now on with its oracle, this seed and the command that
// shows it again. By thread; run_batch does so for its own.
void name_run(Mode mode, std::uint64_t seed);

// Why a batch of that mode proves nothing, if so: too little was answered, or something that has to
// happen sometimes never did. Small batches may be as unlucky as they like.
std::string why_useless(Mode mode, const Totals& totals);

// Which seed failed of what, in which world, and how to see it again.
void tell_failure(Mode mode, std::uint64_t seed, const Outcome& outcome);
// Requires: it failed.
std::string what_failed(const Outcome& outcome, const RunOptions& options);

}  // namespace pgweir::sim
