// The settings that are in force and those that were: what is heard late was right by the settings
// of its time. And the steps an operator makes from one file to the next.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/config/settings.h"
#include "sim/tape.h"

namespace pgweir::sim {

class InForce {
 public:
  InForce(Instant since, Settings settings) { apply(since, std::move(settings)); }

  void apply(Instant since, Settings settings) { all_.emplace_back(since, std::move(settings)); }
  const Settings& now() const { return all_.back().second; }
  Instant since() const { return all_.back().first; }
  // The settings as they were at first.
  const Settings& original() const { return all_.front().second; }

  // Whether something held at any time since then.
  template <class Holds>
  bool ever(Instant since, Holds holds) const {
    for (std::size_t i = all_.size(); i-- > 0;) {
      if (holds(all_[i].second)) return true;
      if (all_[i].first < since) return false;
    }
    return false;
  }
  // A time-out's clock ran, and its time had come by some settings since then.
  bool had_passed(Duration Settings::* timeout, Instant since, Instant now) const {
    return ever(since, [&](const Settings& settings) {
      const Duration limit = settings.*timeout;
      return limit > Duration::zero() && now - since >= limit;
    });
  }

 private:
  std::vector<std::pair<Instant, Settings>> all_;
};

// A small step away from these settings, or back to the original ones, and what it is in words.
struct Neighbour {
  Settings settings;
  std::string what;
};
Neighbour neighbour(const Settings& settings, const Settings& original, Tape& tape);

}  // namespace pgweir::sim
