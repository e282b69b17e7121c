#include "sim/in_force.h"

#include <array>

namespace pgweir::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// One up or one down, at least 1.
std::int32_t beside(std::int32_t count, Tape& tape) {
  return tape.chance(1, 2) || count <= 1 ? count + 1 : count - 1;
}

void change_limit(Settings& settings, Tape& tape) {
  switch (tape.below(5)) {
    case 0: settings.default_pool_size = beside(settings.default_pool_size, tape); return;
    case 1: settings.reserve_pool_size = settings.reserve_pool_size == 0 ? 1 : 0; return;
    case 2: settings.max_db_connections = beside(settings.max_db_connections, tape); return;
    case 3: settings.max_user_connections = beside(settings.max_user_connections, tape); return;
    default:
      // Where there is room for all the limit stays out of the way.
      if (settings.max_client_conn < 1000) {
        settings.max_client_conn = beside(settings.max_client_conn, tape);
      }
  }
}

void change_timeout(Settings& settings, Tape& tape) {
  constexpr std::array<Duration Settings::*, 7> timeouts{
      &Settings::query_timeout,       &Settings::query_wait_timeout,
      &Settings::client_idle_timeout, &Settings::idle_transaction_timeout,
      &Settings::transaction_timeout, &Settings::server_idle_timeout,
      &Settings::server_lifetime};
  constexpr std::array<Duration, 5> values{seconds(60), seconds(5), seconds(20), milliseconds(400),
                                           seconds(2)};
  Duration Settings::* timeout = timeouts[tape.below(timeouts.size())];
  settings.*timeout = values[tape.below(values.size())];
}

// One goes, one of those that went comes back, or one changes.
void change_database(Settings& settings, const Settings& original, Tape& tape) {
  std::vector<DatabaseSettings>& databases = settings.databases;
  const auto any = [&](const auto& of) {
    return tape.below(static_cast<std::uint32_t>(of.size()));
  };
  switch (tape.below(3)) {
    case 0:
      if (databases.size() == original.databases.size() && databases.size() > 1) {
        databases.erase(databases.begin() + any(databases));
      } else {
        databases = original.databases;
      }
      return;
    case 1: {
      DatabaseSettings& database = databases[any(databases)];
      if (database.pool_size) {
        database.pool_size.reset();
      } else {
        database.pool_size = static_cast<std::int32_t>(tape.between(1, 5));
      }
      return;
    }
    default: databases[any(databases)].host = original.databases[any(original.databases)].host;
  }
}

}  // namespace

Settings neighbour(const Settings& settings, const Settings& original, Tape& tape) {
  Settings next = settings;
  switch (tape.below(5)) {
    case 0: return next;  // as it is
    case 1: change_limit(next, tape); break;
    case 2: change_timeout(next, tape); break;
    case 3: change_database(next, original, tape); break;
    default: next = original;
  }
  return next;
}

}  // namespace pgweir::sim
