// What must hold of a machine after every step (docs/invariants.md), what all of its state is in
// one number, and what is left of whom it knew.
#include <algorithm>

#include "core/base/assert.h"
#include "core/base/hash.h"
#include "core/base/text.h"
#include "core/machine_core.h"

namespace pgweir {

using session::ClientState;
using session::ServerState;

void Machine::Core::check_client(const Client& client) const {
  const Server* server = servers_.find(client.server);
  PGWEIR_REQUIRE((client.state == ClientState::active) == (server != nullptr), client.self.slot);
  if (server != nullptr) PGWEIR_REQUIRE(server->client == client.self, client.self.slot);  // I-04
  const bool in_pool = client.state == ClientState::logging_in || client.logged_in();
  if (in_pool) PGWEIR_REQUIRE(pools_.find(client.pool) != nullptr, client.self.slot);
  if (client.logged_in()) PGWEIR_REQUIRE(cancel_keys_.contains(client.cancel_key.id()));
}

void Machine::Core::check_server(const Server& server) const {
  const Client* client = clients_.find(server.client);
  PGWEIR_REQUIRE((server.state == ServerState::active) == (client != nullptr), server.self.slot);
  const bool whole_session = client != nullptr && client->pool_mode == PoolMode::session;
  PGWEIR_REQUIRE(server.whole_session == whole_session, server.self.slot);  // I-20
  if (server.replication != session::Replication::none) {                   // I-21
    const Client* own = server.connecting ? clients_.find(server.opened_for) : client;
    const bool closing = server.state == ServerState::closing;
    PGWEIR_REQUIRE(closing || (own != nullptr && own->replication == server.replication),
                   server.self.slot, server.state);
    PGWEIR_REQUIRE(!server.connecting || closing || own->opening == server.self, server.self.slot);
  } else if (client != nullptr) {
    PGWEIR_REQUIRE(client->replication == session::Replication::none, server.self.slot);  // I-21
  }
  if (server.state == ServerState::idle) {
    PGWEIR_REQUIRE(provably_clean(server, nullptr), server.self.slot);  // I-05
    PGWEIR_REQUIRE(!server.cancel, server.self.slot);                   // I-08
    PGWEIR_REQUIRE(!server.leaving, server.self.slot);                  // I-22
    PGWEIR_REQUIRE(!server.setting_up, server.self.slot);               // I-17
    PGWEIR_REQUIRE(server.session.clean(), server.self.slot);           // I-18
    const Pool& pool = *pools_.find(server.pool);
    PGWEIR_REQUIRE(std::count(pool.idle.begin(), pool.idle.end(), server.self) == 1);
  }
}

void Machine::Core::check_pools() const {
  pools_.each([&](PoolHandle handle, const Pool& pool) {
    std::uint32_t servers = 0;
    std::uint32_t connecting = 0;
    std::uint32_t closing = 0;
    std::uint32_t pinned = 0;
    std::uint32_t answering = 0;
    servers_.each([&](ServerHandle, const Server& server) {
      if (server.pool != handle) return;
      ++servers;
      connecting += server.connecting;
      closing += server.state == ServerState::closing;
      pinned += server.pinned;
      const bool soon_there = server.own_query == session::OwnQuery::check ||
                              server.own_query == session::OwnQuery::connect;
      answering += soon_there && !server.answers_late;
      PGWEIR_REQUIRE(!server.pinned || server.client, server.self.slot);  // I-18
    });
    PGWEIR_REQUIRE(pool.pinned_count == pinned, pool.pinned_count, pinned);
    PGWEIR_REQUIRE(pool.server_count == servers, pool.server_count, servers);  // I-07
    PGWEIR_REQUIRE(pool.connecting_count == connecting, pool.connecting_count, connecting);
    PGWEIR_REQUIRE(pool.closing_count == closing, pool.closing_count, closing);
    PGWEIR_REQUIRE(pool.answering_count == answering, pool.answering_count, answering);
    PGWEIR_REQUIRE(pool.idle.empty() || pool.waiting.size() <= answering,
                   pool.waiting.size());  // I-06
  });
}

void Machine::Core::check_ledger() const {
  std::uint32_t starved = 0;
  std::uint32_t servers = 0;
  std::uint32_t kept_up = 0;
  ledger_.accounts.each([&](AccountHandle, const pool::Account& account) {
    starved += account.starved;
    servers += account.server_count;
    std::uint32_t connecting = 0;
    for (const pool::Part& part : account.parts) {
      connecting += part.connecting_count;
      kept_up += part.level.kept_up;
    }
    PGWEIR_REQUIRE(account.connecting_count == connecting, account.connecting_count, connecting);
  });
  PGWEIR_REQUIRE(ledger_.starved_count == starved, ledger_.starved_count, starved);
  for (const auto& [name, database] : ledger_.databases) kept_up -= database.kept_up_count;
  PGWEIR_REQUIRE(kept_up == 0, kept_up);
  const bool all_here = seat_.machines == 1;
  PGWEIR_REQUIRE(!all_here || servers == servers_.size(), servers, servers_.size());  // I-07
}

void Machine::Core::check_invariants() const {
  std::uint32_t counted = 0;
  std::uint32_t places = 0;
  std::uint32_t consoles = 0;
  clients_.each([&](ClientHandle, const Client& client) {
    check_client(client);
    counted += client.counted;
    places += client.has_place;
    consoles += client.state == ClientState::console;
  });
  PGWEIR_REQUIRE(counted == logged_in_count_, counted, logged_in_count_);  // I-07
  const bool all_here = seat_.machines == 1;
  PGWEIR_REQUIRE(!all_here || places_taken_ == places, places_taken_, places);
  PGWEIR_REQUIRE(consoles == console_count_, consoles, console_count_);
  servers_.each([&](ServerHandle, const Server& server) { check_server(server); });
  check_pools();
  check_ledger();
  check_outboxes();
}

std::uint64_t Machine::Core::fingerprint() const {
  Hash hash;
  hash.add(draining_);
  hash.add(accepting_);
  clients_.each([&](ClientHandle handle, const Client& client) {
    hash.add(handle);
    hash.add(client.state);
    hash.add(client.reading_stopped);
    hash.add(client.congested);
    hash.add(client.peer_done);
    hash.add(client.blocked);
    hash.add(client.cancel_held);
    hash.add(client.skipping);
    hash.add(client.server);
    hash.add(client.stream.body_left);
    hash.add(client.stream.held.size());
    for (const session::ValueId id : client.parameters) hash.add(values_.text(id));
    hash.add(values_.text(client.settings));
    hash.add(values_.text(client.startup));
    hash.add(client.untried);
    hash.add(client.statements.size());
    hash.add(client.unnamed.size());
  });
  servers_.each([&](ServerHandle handle, const Server& server) {
    hash.add(handle);
    hash.add(server.state);
    hash.add(server.reading_stopped);
    hash.add(server.congested);
    hash.add(server.stale);
    hash.add(server.doubted);
    hash.add(server.leaving);
    hash.add(server.whole_session);
    hash.add(server.connect_query_undone);
    hash.add(server.session.reading_in_doubt());
    hash.add(server.client);
    hash.add(server.unnamed_owner);
    hash.add(server.status);
    hash.add(server.stream.body_left);
    hash.add(server.stream.held.size());
    server.owed.add_to(hash);
    for (const session::ValueId id : server.parameters) hash.add(values_.text(id));
    hash.add(values_.text(server.settings));
    hash.add(server.statements.size());
  });
  pools_.each([&](PoolHandle handle, const Pool& pool) {
    hash.add(handle);
    for (const std::uint32_t count : {pool.server_count, pool.connecting_count, pool.closing_count,
                                      pool.client_count, pool.waiting.size()}) {
      hash.add(count);
    }
    const metrics::Totals& totals = pool.database->totals;
    for (const std::uint64_t total : {totals.xact_count, totals.query_count, totals.received,
                                      totals.sent, totals.server_assignment_count}) {
      hash.add(total);
    }
  });
  hash.add(cancellers_.size());
  hash.add(logged_in_count_);
  hash.add(places_taken_);
  hash.add(handed_over_count_);
  for (const std::uint32_t count : spread_) hash.add(count);
  for (const Inbox& inbox : inboxes_) hash.add(inbox.come_count);
  hash.add(lateness_.of_late(now_));
  for (const seats::Outbox& outbox : outboxes_) {
    hash.add(outbox.under_way());
    hash.add(outbox.waiting_count());
  }
  return hash.value();
}

// What is counted twice is told twice: one of the counts may be wrong.
SocketId Machine::Core::client_of(SocketId socket) const {
  const Server* server = servers_.find({socket.slot, socket.generation});
  return server != nullptr && server->client ? socket_of(server->client) : SocketId{};
}

std::string Machine::Core::left_over() const {
  std::string text;
  const auto add = [&](std::string_view what, std::size_t count) {
    if (count > 0) text += join(text.empty() ? "" : ", ", count, " ", what);
  };
  add("clients", clients_.size());
  add("servers", servers_.size());
  add("prepared statements", statements_.size());
  add("cancellers", cancellers_.size());
  add("cancel keys", cancel_keys_.size());
  add("names being resolved", resolutions_.size());
  add("keys being derived", derivations_.size());
  add("clients that have not logged in", unauthenticated_.size());
  add("clients of max_client_conn", logged_in_count_);
  add("places of max_client_conn", places_taken_);
  for (const std::uint32_t count : spread_) add("clients handed over that have not gone", count);
  for (const seats::Outbox& outbox : outboxes_) {
    add("letters that wait for credit", outbox.waiting_count());
  }
  add("clients that wait for credit to go home", leaving_.size());
  add("SHOWs that wait for other machines",
      static_cast<std::size_t>(std::count_if(gathers_.begin(), gathers_.end(), [](const Gather& g) {
        return static_cast<bool>(g.client);  // and not for the log, which goes on for ever
      })));
  add("clients on the console", console_count_);
  add("clients that wait for RELOAD", reloading_.size());
  add("settings being loaded", reload_pending_ || reload_again_);
  add("starved pools", ledger_.starved_count);
  add("offers", ledger_.offers.size());
  pools_.each([&](PoolHandle, const Pool& pool) {
    add("idle servers of a pool", pool.idle.size());
    add("servers of a pool", pool.server_count);
    add("servers of a pool connecting", pool.connecting_count);
    add("servers of a pool closing", pool.closing_count);
    add("clients of a pool", pool.client_count);
    add("clients waiting in a pool", pool.waiting.size());
    add("clients logging in to a pool", pool.logging_in.size());
    add("clients that wait to replicate", pool.replicating.size());
    add("removed pools", pool.retired);
    add("pools of users without a line",
        is_anybodys(pool) && pool.client_count == 0 && pool.server_count == 0);
    add("hungry machines", pool.hungry.size());
  });
  for (const auto& [name, database] : databases_) {
    add("servers of a database", database.server_count);
    add("clients of a database", database.client_count);
    add("removed databases", database.removed);
  }
  for (const auto& [name, user] : users_) {
    add("servers of a user", user.server_count);
    add("clients of a user", user.client_count);
    bool used = find_user(settings_, name) != nullptr;
    pools_.each([&](PoolHandle, const Pool& pool) { used |= pool.user == &user; });
    add("users without a line or a pool", !used);
  }
  ledger_.accounts.each([&](AccountHandle, const pool::Account& account) {
    add("servers of an account", account.server_count);
    add("servers of an account connecting", account.connecting_count);
    add("servers of an account closing", account.closing_count);
    add("servers wanted of an account", account.wanted());
  });
  for (const auto* totals : {&ledger_.databases, &ledger_.users}) {
    for (const auto& [name, total] : *totals) {
      add("servers under a shared limit", total.server_count);
      add("servers under a shared limit closing", total.closing_count);
    }
  }
  ledger_.hosts.each([&](HostHandle, const pool::Host& host) {
    add("attempts at a host", host.connecting);
    add("hosts being resolved", host.resolving);
  });
  return text;
}

}  // namespace pgweir
