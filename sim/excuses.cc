// What explains an error or the end of a connection: something of the world's, on this client's own
// path, that went wrong when it could be felt.
#include <algorithm>

#include "core/base/limits.h"
#include "sim/simulation.h"

namespace pgweir::sim {

// Whether something went wrong since then, or is going wrong, where this client's servers are or
// were while it was connected.
bool Simulation::host_in_trouble(const Application& who, Instant since) const {
  since = std::min(since, watch_->spoken_to_at(who.stream().get()));
  return in_force_->ever(who.connected_at(), [&](const Settings& settings) {
    const DatabaseSettings* database = find_database(settings, who.identity().database);
    if (database == nullptr) return false;
    for (std::size_t host = 0; host < hosts_.size(); ++host) {
      if (!names_.ever_led(database->host, host)) continue;
      if (host_in_trouble(host, since)) return true;
    }
    return false;
  });
}

bool Simulation::password_in_trouble(const Application& who, Instant since) const {
  const auto trouble = password_trouble_.find(who.identity().user);
  return trouble != password_trouble_.end() && trouble->second >= since;
}

bool Simulation::may_refuse_writes(const Application& who, Instant since) const {
  return in_force_->ever(who.connected_at(), [&](const Settings& settings) {
    const DatabaseSettings* database = find_database(settings, who.identity().database);
    if (database == nullptr) return false;
    for (std::size_t host = 0; host < hosts_.size(); ++host) {
      if (names_.ever_led(database->host, host) && standby_until_[host] >= since) return true;
    }
    return false;
  });
}

bool Simulation::may_lie(const Application& who) const {
  if (options_.hostile_permille == 0) return false;
  return in_force_->ever(who.connected_at(), [&](const Settings& settings) {
    const DatabaseSettings* database = find_database(settings, who.identity().database);
    return database != nullptr && names_.ever_led(database->host, options_.hostile_host);
  });
}

bool Simulation::explains_fatal(const Application& who, std::string_view code,
                                std::string_view text, Instant since) const {
  if (who.stream()->peer_reset() || who.stream()->dark()) return true;
  if ((code == "57P01" || code == "57P03") && draining_) return true;
  // Its database was removed while it was connected.
  const bool told_so = code == "57P01" && text.find("settings changed") != std::string_view::npos;
  if (told_so || code == "3D000") {
    return in_force_->ever(who.connected_at(), [&](const Settings& settings) {
      const DatabaseSettings* line = find_database(settings, who.identity().database);
      const DatabaseSettings* now = find_database(in_force_->newest(), who.identity().database);
      if (line == nullptr || now == nullptr) return true;
      // Or it was moved, and it could not leave the server that its session keeps.
      const bool may_keep =
          settings.session_state == SessionStatePolicy::pin || who.pool_mode() == PoolMode::session;
      return told_so && may_keep && line->host != now->host;
    });
  }
  if (code == "53300" && text.find("max_client_conn") != std::string_view::npos) {
    return in_force_->ever(who.connected_at(), [](const Settings& settings) {
      return settings.max_client_conn < 1000;
    });
  }
  if (code == "53300" && text.find("have not logged in") != std::string_view::npos) {
    return crowded_out(who.connected_at());
  }
  // Its servers have another password of its user than pgweir.
  const bool of_password = text.find("password authentication failed") != std::string_view::npos;
  if (code == "08004" && of_password && password_in_trouble(who, since)) return true;
  // Its server broke the protocol, or refused the parameters it was to be given.
  if ((code.starts_with("08") || code == "22023") && may_lie(who)) return true;
  // It was given up because it took nothing any more, since before this was asked.
  if (text.ends_with("connection timed out")) {
    since -= limits::recovery_wait;
    if (options_.clog || stalled_until_ >= since) return true;
  }
  const bool of_server = code == "08006" || code == "57P01" || code == "57P03" || code == "53300";
  return of_server && host_in_trouble(who, since);
}

bool Simulation::explains_silent_end(const Application& who, bool half_message,
                                     Instant since) const {
  return half_message && (may_lie(who) || host_in_trouble(who, since));
}

}  // namespace pgweir::sim
