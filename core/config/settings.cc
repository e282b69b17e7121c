#include "core/config/settings.h"

#include <algorithm>

namespace pgweir {

namespace {

template <class Entry>
const Entry* find_named(const std::vector<Entry>& sorted, std::string_view name) {
  const auto at =
      std::lower_bound(sorted.begin(), sorted.end(), name,
                       [](const Entry& entry, std::string_view n) { return entry.name < n; });
  return at != sorted.end() && at->name == name ? &*at : nullptr;
}

}  // namespace

const DatabaseSettings* find_database(const Settings& settings, std::string_view name) {
  return find_named(settings.databases, name);
}

const UserSettings* find_user(const Settings& settings, std::string_view name) {
  return find_named(settings.users, name);
}

const UserSettings* line_of_user(const Settings& settings, std::string_view name) {
  const UserSettings* own = find_user(settings, name);
  return own != nullptr ? own : find_user(settings, "*");
}

PoolMode pool_mode_for(const DatabaseSettings& database, std::string_view user,
                       const Settings& settings) {
  const UserSettings* known = line_of_user(settings, user);
  if (known != nullptr && known->pool_mode) return *known->pool_mode;
  return database.pool_mode.value_or(settings.pool_mode);
}

}  // namespace pgweir
