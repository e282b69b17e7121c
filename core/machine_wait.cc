// Why somebody who waited got no server: what he is told.
#include <algorithm>

#include "core/base/text.h"
#include "core/console/address.h"
#include "core/machine_core.h"

namespace pgweir {

namespace {

// As PostgreSQL shows it in its own list of who is there; it may be anything.
std::string clean(std::string_view application_name) {
  constexpr std::size_t size_max = 63;
  std::string text(application_name.substr(0, size_max));
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

}  // namespace

// The last failure where there was one, else who has the servers.
PgError Machine::Core::wait_error(const Client& waiter, std::string_view setting,
                                  Duration limit) const {
  const Pool& pool = *pools_.find(waiter.pool);
  const std::string waited = join(setting, ": no server for ", in_seconds(limit), ": ");
  if (pool.failure) {
    const PgError& error = pool.failure->error;
    return {error.code, join(waited, error.message), error.hint};
  }
  const bool by_database = pool.limits.database != 0;
  const bool by_user = pool.limits.user != 0;
  std::uint32_t others_of_database = 0;
  std::uint32_t others_of_user = 0;
  std::uint32_t used = 0;
  std::uint32_t idle_in_transaction = 0;
  std::uint32_t idle_in_session = 0;
  const Client* longest = nullptr;
  servers_.each([&](ServerHandle, const Server& server) {
    const Pool& its = *pools_.find(server.pool);
    const bool own = server.pool == pool.self;
    const bool shares_database = by_database && !own && its.database == pool.database;
    const bool shares_user = by_user && !own && its.user->name == pool.user->name;
    others_of_database += shares_database;
    others_of_user += shares_user;
    const Client* client = clients_.find(server.client);
    if (client == nullptr || !(own || shares_database || shares_user)) return;
    if (own) {
      ++used;
      idle_in_transaction += server.owed.empty() && server.status != wire::TransactionStatus::idle;
      idle_in_session += server.whole_session && idles_with_server(*client);
    }
    if (longest == nullptr || client->transaction_at < longest->transaction_at) longest = client;
  });
  // Of the others, SHOW POOLS tells.
  const std::string_view here = seat_.machines > 1 ? " at this machine" : "";
  std::string text = join(
      waited, "pool ", pool.database->settings.name, "/", pool.user->name, " has ",
      pool.server_count, " servers", here, " of pool_size ", pool.limits.size, ", ", used,
      " in use, ", idle_in_transaction, " of them idle in a transaction and ", pool.pinned_count,
      " kept by what clients left in their sessions, and ", pool.waiting.size(), " clients wait");
  if (idle_in_session > 0) {
    text += join("; ", idle_in_session, " are idle with clients whose pool_mode is session");
  }
  const auto add_shared = [&](std::string_view setting_name, std::uint32_t most,
                              std::uint32_t count) {
    if (count == 0) return;
    text +=
        join("; ", setting_name, " is ", most, ", and other pools have ", count, " of these", here);
  };
  add_shared("max_db_connections", pool.limits.database, others_of_database);
  add_shared("max_user_connections", pool.limits.user, others_of_user);
  if (longest != nullptr) {
    const Endpoint& peer = longest->peer;
    text += join("; longest, for ", in_seconds(now_ - longest->transaction_at), ", one is used by ",
                 console::address_text(peer));
    if (peer.family != Endpoint::Family::unix_socket) text += join(":", peer.port);
    const std::string name = clean(values_.text(longest->parameters[0]));
    static_assert(session::tracked_parameters[0] == "application_name");
    if (!name.empty()) text += join(" (", name, ")");
    if (longest->pool != pool.self) {
      const Pool& its = *pools_.find(longest->pool);
      text += join(" in pool ", its.database->settings.name, "/", its.user->name);
    }
  }
  return {sqlstate::too_many_connections, std::move(text),
          "Look at SHOW POOLS and SHOW SERVERS for who has them; raise the limit that is full."};
}

}  // namespace pgweir
