#include "sim/pool_modes.h"

#include <algorithm>
#include <string>

#include "sim/application.h"
#include "sim/verdict.h"

namespace pgweir::sim {

namespace {

std::string name_of(const Application& who) { return "c" + std::to_string(who.identity().number); }

}  // namespace

PoolMode pool_mode_of(const Settings& settings, const Login& who) {
  const bool is_listed =
      std::ranges::find(settings.users, who.user, &UserSettings::name) != settings.users.end();
  for (const UserSettings& user : settings.users) {
    const bool is_its = user.name == (is_listed ? std::string_view(who.user) : "*");
    if (is_its && user.pool_mode) return *user.pool_mode;
  }
  for (const DatabaseSettings& database : settings.databases) {
    if (database.name == who.database && database.pool_mode) return *database.pool_mode;
  }
  return settings.pool_mode;
}

void PoolModes::handed_on(std::size_t host, const ServerEvent& event, const Application& who,
                          const std::function<bool(const Application&)>& is_there) {
  const Backend backend{host, event.pid};
  if (const auto before = owners_.find(backend); before != owners_.end()) {
    const Owner& from = before->second;
    if (goes_on(from) && is_there(*from.who)) blame(from, who, "whose session goes on");
    if ((had_session(from) || resets_always_) && event.generation == from.generation) {
      blame(from, who, "as that left it");
    }
  }
  owners_.insert_or_assign(backend, Owner{&who, who.connected_at(), event.generation});
  came_to(backend, who);
}

bool PoolModes::had_session(const Owner& owner) {
  return owner.who->pool_mode() == PoolMode::session;
}

// It is still connected as it was then.
bool PoolModes::goes_on(const Owner& owner) {
  return had_session(owner) && owner.who->connected_at() == owner.connected_at;
}

void PoolModes::blame(const Owner& from, const Application& by, std::string_view what) {
  verdict_.blame(oracle::pool_mode, name_of(by) + " was given the server of " + name_of(*from.who) +
                                        ", " + std::string(what));
}

void PoolModes::came_to(const Backend& backend, const Application& who) {
  if (who.pool_mode() != PoolMode::session) return;
  const auto [known, is_new] = at_.try_emplace(&who, who.connected_at(), backend);
  if (!is_new && known->second.first == who.connected_at() && known->second.second != backend) {
    verdict_.blame(oracle::pool_mode, name_of(who) + " has one session at two servers: " +
                                          std::to_string(known->second.second.second) + " and " +
                                          std::to_string(backend.second));
  }
  known->second = {who.connected_at(), backend};
}

}  // namespace pgweir::sim
