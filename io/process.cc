#include "io/process.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/base/limits.h"
#include "core/base/text.h"

namespace pgweir::io {

namespace {

std::uint64_t count(std::int32_t setting) {
  return static_cast<std::uint64_t>(std::max(setting, 0));
}

// Servers of one database: its pools, one for each user who may have one, within its own maximum.
std::uint64_t servers_of(const DatabaseSettings& database, const Settings& settings) {
  const std::uint64_t pools =
      database.user.empty() ? std::max<std::uint64_t>(settings.users.size(), 1) : 1;
  const std::uint64_t each = count(database.pool_size.value_or(settings.default_pool_size)) +
                             count(database.reserve_pool_size.value_or(settings.reserve_pool_size));
  const std::uint64_t all = pools * each;
  const std::int32_t own = database.max_db_connections;
  const std::uint64_t most = count(own > 0 ? own : settings.max_db_connections);
  return most > 0 ? std::min(all, most) : all;
}

}  // namespace

std::uint64_t descriptors_needed(const Settings& settings, std::uint64_t machines) {
  std::uint64_t needed = count(settings.max_client_conn) + limits::admin_client_slots +
                         limits::clients_unauthenticated_max * machines + descriptors_reserve +
                         descriptors_per_machine * (machines - 1);
  for (const DatabaseSettings& database : settings.databases) {
    needed += servers_of(database, settings);
  }
  return needed;
}

std::optional<std::string> raise_descriptor_limit(std::uint64_t needed) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return join("cannot read the limit of open files: ", std::strerror(errno));
  }
  if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < needed) {
    const std::uint64_t hard = limit.rlim_max;
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? needed : std::min(needed, hard);
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
      return join("cannot raise the limit of open files to ", needed, ": ", std::strerror(errno));
    }
  }
  if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= needed) return std::nullopt;
  return join("max_client_conn and the pool sizes need ", needed,
              " open files, the process may have ", std::uint64_t{limit.rlim_cur},
              ": raise the hard limit (ulimit -Hn, LimitNOFILE= in systemd) or lower them");
}

std::optional<std::string> refused_user() {
  if (::geteuid() != 0) return std::nullopt;
  return "pgweir does not run as root: start it as a user of its own, for example "
         "\"runuser -u postgres -- pgweir CONFIG\", or with User= in systemd";
}

void harden() {
  ::umask(077);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
#ifndef PGWEIR_SANITIZED
  // Sanitizers read their own process, which this would forbid.
  ::prctl(PR_SET_DUMPABLE, 0);
#endif
}

}  // namespace pgweir::io
