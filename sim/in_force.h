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
  InForce(Instant since, Settings settings) { all_.push_back({since, std::move(settings)}); }

  // One machine goes by them; the others go on by the old ones.
  void apply(Settings settings) { all_.push_back({never, std::move(settings)}); }
  // The first machine does, which keeps all limits.
  void ledger_has_them() { of_ledger_ = all_.size() - 1; }
  const Settings& of_ledger() const { return all_[of_ledger_].settings; }
  // And now all do.
  void applied(Instant when) {
    for (auto& [everywhere_at, settings] : all_) everywhere_at = std::min(everywhere_at, when);
  }
  // Those that came last: some machine at least goes by them.
  const Settings& newest() const { return all_.back().settings; }
  // When all machines had them; never: they have not yet.
  Instant since() const { return all_.back().everywhere_at; }
  // The settings as they were at first.
  const Settings& original() const { return all_.front().settings; }

  // Whether something held at any time since then.
  template <class Holds>
  bool ever(Instant since, Holds holds) const {
    for (std::size_t i = all_.size(); i-- > 0;) {
      if (holds(all_[i].settings)) return true;
      if (all_[i].everywhere_at < since) return false;
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
  struct Set {
    Instant everywhere_at;
    Settings settings;
  };
  std::vector<Set> all_;
  std::size_t of_ledger_ = 0;
};

// A small step away from these settings, or back to the original ones, and what it is in words.
struct Neighbour {
  Settings settings;
  std::string what;
};
Neighbour neighbour(const Settings& settings, const Settings& original, Tape& tape);

}  // namespace pgweir::sim
