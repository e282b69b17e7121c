#include "sim/quotas.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "sim/options.h"
#include "sim/verdict.h"

namespace pgweir::sim {

namespace {

constexpr std::int32_t no_limit = std::numeric_limits<std::int32_t>::max();

std::int32_t unless_zero(std::int32_t limit) { return limit == 0 ? no_limit : limit; }

// With those who are not welcomed yet: they may have been admitted, and wait for a server's
// welcome.
std::int32_t clients_in(const Census& census) {
  return static_cast<std::int32_t>(census.clients().size());
}

}  // namespace

Quotas::Counted Quotas::count(const Census& census) {
  Counted counted;
  for (const auto& [socket, server] : census.servers()) {
    if (!server.started) {
      ++counted.anybodys_count;
      continue;
    }
    const Login& whom = server.whom;
    ++counted.of["pool " + whom.database + "/" + whom.user];
    ++counted.of["database " + whom.database];
    ++counted.of["user " + whom.user];
  }
  return counted;
}

std::int32_t Quotas::limit_of(const std::string& what, const Settings& settings) {
  if (what.starts_with("database ")) return unless_zero(settings.max_db_connections);
  if (what.starts_with("user ")) return unless_zero(settings.max_user_connections);
  constexpr std::string_view pool = "pool ";
  const std::string name = what.substr(pool.size(), what.find('/') - pool.size());
  const DatabaseSettings* database = find_database(settings, name);
  if (database == nullptr) return no_limit;
  return database->pool_size.value_or(settings.default_pool_size) + settings.reserve_pool_size;
}

void Quotas::changed(const Settings& before) { before_ = before; }

void Quotas::lowered(const Census& census) {
  const Settings before = std::move(*std::exchange(before_, std::nullopt));
  Counted counted = count(census);
  // One that was removed may still be opening servers for who waits there.
  for (const DatabaseSettings& database : before.databases) databases_.insert(database.name);
  for (const std::string& database : databases_) {
    counted.of["database " + database];
    for (const UserSettings& user : before.users) {
      const std::string name(user.name == "*" ? RunOptions::unlisted_name : user.name);
      counted.of["user " + name];
      counted.of["pool " + database + "/" + name];
    }
  }
  for (const auto& [what, number] : counted.of) {
    // What is being opened may be for it too, as far as it was allowed.
    const std::int32_t most = std::min(number + counted.anybodys_count, limit_of(what, before));
    left_over_[what] = std::max(left_over_[what], most);
  }
  const std::int32_t most = std::max(before.max_client_conn, clients_left_over_);
  clients_left_over_ = std::min(most, clients_in(census));
}

void Quotas::gone(const Settings& settings, const Census& census) {
  clients_left_over_ = std::min(clients_left_over_, clients_in(census));
  if (left_over_.empty()) return;
  Counted counted = count(census);
  for (auto& [what, most] : left_over_) {
    most = std::min(most, counted.of[what] + counted.anybodys_count);
  }
  std::erase_if(left_over_,
                [&](const auto& entry) { return entry.second <= limit_of(entry.first, settings); });
}

void Quotas::check_servers(const Settings& settings, const Census& census, Verdict& verdict) {
  for (const auto& [what, number] : count(census).of) {
    const auto left_over = left_over_.find(what);
    const std::int32_t limit = limit_of(what, settings);
    std::int32_t most = left_over == left_over_.end() ? limit : std::max(limit, left_over->second);
    if (before_) most = std::max(most, limit_of(what, *before_));
    if (number <= most) continue;
    verdict.blame(oracle::limits, std::to_string(number) + " servers of " + what +
                                      ", and the limit is " + std::to_string(limit));
  }
}

void Quotas::check_at_rest(const Settings& settings, const Census& census, Verdict& verdict) const {
  for (const auto& [what, number] : count(census).of) {
    const std::int32_t limit = limit_of(what, settings);
    if (number <= limit) continue;
    verdict.blame(oracle::limits, std::to_string(number) + " servers of " + what +
                                      " stay, and nobody uses them: the limit is " +
                                      std::to_string(limit) + " since the last reload");
  }
}

void Quotas::check_clients(std::int32_t count, const Settings& settings, Verdict& verdict) const {
  if (count <= std::max(settings.max_client_conn, clients_left_over_)) return;
  if (before_ && count <= before_->max_client_conn) return;
  verdict.blame(oracle::limits, std::to_string(count) + " clients, max_client_conn is " +
                                    std::to_string(settings.max_client_conn));
}

}  // namespace pgweir::sim
