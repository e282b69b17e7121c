#include "sim/campaign.h"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "sim/batch.h"

namespace pgweir::sim {

namespace {

constexpr int usage_error = 2;

// One round: the modes and how many seeds of each; enough of safety to ask whether all that has to
// happen sometimes did.
constexpr std::array<std::pair<Mode, std::uint64_t>, 7> round_of_seeds{{{Mode::smoke, 40},
                                                                        {Mode::calm, 60},
                                                                        {Mode::safety, 200},
                                                                        {Mode::liveness, 80},
                                                                        {Mode::drain, 60},
                                                                        {Mode::overload, 20},
                                                                        {Mode::lifetime, 60}}};

struct Sum {
  std::string lines;  // of the file, one a part
  Totals totals;
  std::uint64_t failures = 0;
  std::uint64_t next = 0;  // no part has had this seed, or any behind it
  std::uint64_t parts = 0;
};

// Nothing: some line of it is no part.
std::optional<Sum> read(const std::string& path, std::uint64_t first) {
  Sum sum;
  sum.next = first;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line); ++sum.parts) {
    sum.lines += line + '\n';
    std::istringstream words(line);
    std::string mode;
    Totals part;
    std::uint64_t part_first = 0;
    std::uint64_t failures = 0;
    words >> mode >> part_first >> part.seeds >> part.useful >> part.steps >> part.asked >>
        part.answered >> failures >> part.seconds;
    if (!words || !mode_named(mode)) return std::nullopt;
    sum.totals += part;
    sum.failures += failures;
    sum.next = std::max(sum.next, part_first + part.seeds);
  }
  return sum;
}

std::string line_of(Mode mode, std::uint64_t first, const Totals& part, bool failed) {
  std::ostringstream line;
  line << name_of(mode) << ' ' << first << ' ' << part.seeds << ' ' << part.useful << ' '
       << part.steps << ' ' << part.asked << ' ' << part.answered << ' ' << failed << ' '
       << part.seconds << '\n';
  return line.str();
}

// The whole file takes the place of the old one at once: whoever kills this process leaves one of
// them.
bool write(const std::string& path, const std::string& lines) {
  const std::string written = path + ".new";
  std::ofstream file(written);
  file << lines;
  file.close();
  return file.good() && std::rename(written.c_str(), path.c_str()) == 0;
}

// True: something did.
bool tell_what_failed(Mode mode, const BatchResult& result) {
  if (result.failed_seed) {
    tell_failure(mode, *result.failed_seed, result.failure);
    return true;
  }
  const std::string why = why_useless(mode, result.totals);
  if (why.empty()) return false;
  std::printf("%s: %s\n", std::string(name_of(mode)).c_str(), why.c_str());
  return true;
}

}  // namespace

int run_campaign(const std::string& path, std::uint64_t first, std::uint64_t seed_count,
                 unsigned jobs) {
  auto sum = read(path, first);
  if (!sum) {
    std::fprintf(stderr, "pgweir-sim: %s is no file of --campaign\n", path.c_str());
    return usage_error;
  }
  bool failed = false;
  while (sum->totals.useful < seed_count && !failed) {
    const auto [mode, count] = round_of_seeds[sum->parts++ % round_of_seeds.size()];
    const BatchResult result = run_batch(mode, sum->next, count, jobs);
    failed = tell_what_failed(mode, result);
    Totals part = result.totals;
    // What comes behind a failure is tried with the next part.
    if (result.failed_seed) part.seeds = *result.failed_seed - sum->next + 1;
    sum->lines += line_of(mode, sum->next, part, failed);
    if (!write(path, sum->lines)) {
      std::fprintf(stderr, "pgweir-sim: could not write %s\n", path.c_str());
      return usage_error;
    }
    sum->totals += part;
    sum->failures += failed;
    sum->next += part.seeds;
  }
  std::printf("campaign: ");
  tell_totals(stdout, sum->totals, sum->failures);
  return sum->failures > 0 ? 1 : 0;
}

}  // namespace pgweir::sim
