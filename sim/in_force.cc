#include "sim/in_force.h"

#include <array>
#include <chrono>
#include <string_view>

namespace pgweir::sim {

namespace {

// One up or one down, at least 1.
std::string change(std::int32_t& count, std::string_view name, Tape& tape) {
  count += tape.chance(1, 2) || count <= 1 ? 1 : -1;
  return std::string(name) + " " + std::to_string(count);
}

std::string change_limit(Settings& settings, Tape& tape) {
  switch (tape.below(5)) {
    case 0: return change(settings.default_pool_size, "default_pool_size", tape);
    case 1:
      settings.reserve_pool_size = settings.reserve_pool_size == 0 ? 1 : 0;
      return "reserve_pool_size " + std::to_string(settings.reserve_pool_size);
    case 2: return change(settings.max_db_connections, "max_db_connections", tape);
    case 3: return change(settings.max_user_connections, "max_user_connections", tape);
    default:
      // Where there is room for all the limit stays out of the way.
      if (settings.max_client_conn >= 1000) return "nothing new";
      return change(settings.max_client_conn, "max_client_conn", tape);
  }
}

std::string change_timeout(Settings& settings, Tape& tape) {
  struct Timeout {
    std::string_view name;
    Duration Settings::* field;
  };
  constexpr std::array<Timeout, 7> timeouts{
      {{"query_timeout", &Settings::query_timeout},
       {"query_wait_timeout", &Settings::query_wait_timeout},
       {"client_idle_timeout", &Settings::client_idle_timeout},
       {"idle_transaction_timeout", &Settings::idle_transaction_timeout},
       {"transaction_timeout", &Settings::transaction_timeout},
       {"server_idle_timeout", &Settings::server_idle_timeout},
       {"server_lifetime", &Settings::server_lifetime}}};
  constexpr std::array<std::int32_t, 5> values_ms{60'000, 5000, 20'000, 400, 2000};
  const Timeout& timeout = timeouts[tape.below(timeouts.size())];
  const std::int32_t ms = values_ms[tape.below(values_ms.size())];
  settings.*timeout.field = std::chrono::milliseconds(ms);
  return std::string(timeout.name) + " " + std::to_string(ms) + " ms";
}

// One goes, those that went come back, or one changes.
std::string change_database(Settings& settings, const Settings& original, Tape& tape) {
  std::vector<DatabaseSettings>& databases = settings.databases;
  const bool all_there = databases.size() == original.databases.size();
  const std::uint32_t what = tape.below(3);
  const auto victim = databases.begin() + tape.below(static_cast<std::uint32_t>(databases.size()));
  std::string name = victim->name;
  if (what == 0 && !all_there) {
    databases = original.databases;
    return "all databases as they were";
  }
  if (what == 0 && databases.size() > 1) {
    databases.erase(victim);
    return name + " is gone";
  }
  if (what <= 1) {
    victim->pool_size = static_cast<std::int32_t>(tape.between(1, 5));
    return name + " pool_size " + std::to_string(*victim->pool_size);
  }
  const std::size_t other = tape.below(static_cast<std::uint32_t>(original.databases.size()));
  victim->host = original.databases[other].host;
  return name + " at " + victim->host;
}

}  // namespace

Neighbour neighbour(const Settings& settings, const Settings& original, Tape& tape) {
  Neighbour next{settings, "nothing new"};
  switch (tape.below(5)) {
    case 0: break;
    case 1: next.what = change_limit(next.settings, tape); break;
    case 2: next.what = change_timeout(next.settings, tape); break;
    case 3: next.what = change_database(next.settings, original, tape); break;
    default: next = {original, "all as at first"};
  }
  return next;
}

}  // namespace pgweir::sim
