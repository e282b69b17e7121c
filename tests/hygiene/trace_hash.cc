// Prints, for each seed of a range, the hash of all events and effects of its mixed run and the
// number of its steps. trace_hashes.py compares what different compilers make of it.
//
// usage: trace_hash FIRST_SEED COUNT
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "sim/mixed_run.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: trace_hash FIRST_SEED COUNT\n", stderr);
    return 2;
  }
  const std::uint64_t first = std::strtoull(argv[1], nullptr, 10);
  const std::uint64_t count = std::strtoull(argv[2], nullptr, 10);
  for (std::uint64_t seed = first; seed - first < count; ++seed) {
    const pgweir::sim::MixedRun run = pgweir::sim::mixed_run(seed);
    std::printf("seed %" PRIu64 " hash %016" PRIx64 " steps %" PRIu64 "\n", seed, run.trace_hash,
                run.step_count);
    if (!run.complaints.empty()) {
      std::fprintf(stderr, "seed %" PRIu64 ": the run itself went wrong:\n%s", seed,
                   run.complaints.c_str());
      return 1;
    }
  }
  return 0;
}
