#include "core/pool/pool.h"

namespace pgweir::pool {

PoolLimits limits_of(const DatabaseSettings& database, std::string_view user_name,
                     const Settings& settings) {
  const UserSettings* user = line_of_user(settings, user_name);
  const auto count = [](std::int32_t value) { return static_cast<std::uint32_t>(value); };
  PoolLimits limits;
  limits.size = count(user != nullptr && user->pool_size
                          ? *user->pool_size
                          : database.pool_size.value_or(settings.default_pool_size));
  limits.reserve = count(database.reserve_pool_size.value_or(settings.reserve_pool_size));
  limits.minimum = count(database.min_pool_size.value_or(settings.min_pool_size));
  limits.database = count(database.max_db_connections != 0 ? database.max_db_connections
                                                           : settings.max_db_connections);
  limits.user =
      count(user != nullptr && user->max_user_connections != 0 ? user->max_user_connections
                                                               : settings.max_user_connections);
  return limits;
}

}  // namespace pgweir::pool
