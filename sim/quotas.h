// Limits of servers and clients (O-06), counted at the sockets: when a server has logged in, or a
// client has been let in, there are not more than the settings in force allow. After a reload that
// lowers a limit there may still be what was there before, until it goes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "core/config/settings.h"
#include "sim/census.h"

namespace pgweir::sim {

class Verdict;

class Quotas {
 public:
  // Servers of "pool db0/user0", "database db0" or "user user0".
  static std::int32_t limit_of(const std::string& what, const Settings& settings);
  // Who keeps the limits has new ones. What was allowed by those of before may be on its way to
  // machines that go by them still,
  void changed(const Settings& before);
  // until all have the new ones.
  void lowered(const Census& census);
  // Something has gone: what a reload found too much is less.
  void gone(const Settings& settings, const Census& census);
  void check_servers(const Settings& settings, const Census& census, Verdict& verdict);
  // Nobody has been there for a while: what was too much has gone.
  void check_at_rest(const Settings& settings, const Census& census, Verdict& verdict) const;
  // So many applications have been let in.
  void check_clients(std::int32_t count, const Settings& settings, Verdict& verdict) const;

 private:
  // By "pool db0/user0", "database db0", "user user0".
  using Counts = std::map<std::string, std::int32_t>;
  struct Counted {
    Counts of;                        // servers that are known to be its
    std::int32_t anybodys_count = 0;  // that may be anybody's
  };
  static Counted count(const Census& census);

  std::set<std::string> databases_;  // there ever were
  std::optional<Settings> before_;   // from changed() to lowered()
  Counts left_over_;                 // allowed beyond a limit that was lowered
  std::int32_t clients_left_over_ = 0;
};

}  // namespace pgweir::sim
