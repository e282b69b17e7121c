#include "core/session/connect_query.h"

#include <algorithm>

#include "core/session/session_state.h"
#include "core/session/startup_settings.h"
#include "core/sql/split.h"

namespace pgweir::session {

std::string settings_set_by(std::string_view query) {
  StartupSettings settings;
  if (query.empty()) return {};
  for (const StateChange& change : state_effects(query, false).changes) {
    if (change.value) settings.set(change.name, *change.value);
  }
  return settings.text();
}

bool tells_what_it_sets(std::string_view query) {
  std::size_t statement_count = 0;
  for (sql::Split split(query, false); !split.next().empty();) ++statement_count;
  const StateEffects does = state_effects(query, false);
  return does.changes.size() == statement_count &&
         std::ranges::all_of(does.changes, [](const StateChange& one) { return !!one.value; });
}

}  // namespace pgweir::session
