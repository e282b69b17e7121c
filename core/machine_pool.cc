// Who gets which server of a pool: its clients are served in the order they came. What the pool
// wants of the ledger, and what the ledger has to say to it.
#include <algorithm>

#include "core/machine_core.h"

namespace pgweir {

using pool::News;
using pool::Offer;
using session::ClientState;
using session::ServerState;

namespace {

std::string_view words_of(Offer::Why why) {
  switch (why) {
    case Offer::Why::idle_timeout: return "server_idle_timeout";
    case Offer::Why::pressure: return "its place is needed, or a limit was lowered";
    case Offer::Why::unused: return "autodb_idle_timeout";
  }
  return "server_idle_timeout";
}

}  // namespace

// The bytes begin with the client's request.
void Machine::Core::want_server(Client& client, Bytes bytes) {
  Pool& pool = *pools_.find(client.pool);
  client.request_at = now_;
  if (pool.waiting.empty() && !pool.idle.empty() && pool.hungry.empty()) {
    Server& server = *servers_.find(pool.idle.back());
    if (!is_unchecked(server)) {
      pool.idle.pop_back();
      session::LinkContext context = this->context(pool);
      join_link(client, server, context);
      if (client.congested) update_reading(server);
      return active_bytes(client, bytes);
    }
  }
  if (hopeless(pool)) return fail_client(client, pool.failure->error);
  client.stream.hold(bytes);
  client.become(ClientState::waiting, now_);
  pool.waiting.push_back(clients_, client);
  update_reading(client);
  arm(client);
  touch(pool);
}

// Nobody need wait for what cannot come.
bool Machine::Core::hopeless(const Pool& pool) const {
  return pool.failure && pool.failure->hopeless && now_ < pool.failure->retry_at;
}

// Requires: the client waits, the server is idle in the same pool.
void Machine::Core::assign(Client& client, Server& server) {
  Pool& pool = *pools_.find(client.pool);
  pool.waiting.remove(clients_, client);
  pool.database->totals.wait_time_us +=
      static_cast<std::uint64_t>(microseconds(now_ - client.request_at));
  session::LinkContext context = this->context(pool);
  join_link(client, server, context);
  if (client.congested) update_reading(server);
  continue_client(client);
}

void Machine::Core::touch(Pool& pool) {
  if (pool.dirty) return;
  pool.dirty = true;
  dirty_.push_back(pool.self);
}

// Of the client that has waited longest for a server.
Instant Machine::Core::waiting_since(const Pool& pool) const {
  const Client* first = clients_.find(pool.waiting.first());
  return first != nullptr ? first->request_at : never;
}

// For a server, or to hear what such a server says.
Instant Machine::Core::oldest_wait(const Pool& pool) const {
  const Client* first = clients_.find(pool.logging_in.first());
  return std::min(waiting_since(pool), first != nullptr ? first->request_at : never);
}

void Machine::Core::serve(Pool& pool) {
  pool.dirty = false;
  if (!pool.hungry.empty()) forget_hunger(pool);
  while (!pool.waiting.empty() && !pool.idle.empty()) {
    Server& server = *servers_.find(pool.idle.back());
    if (is_unchecked(server)) {
      if (pool.answering_count >= pool.waiting.size()) break;  // one for each
      check(server);
      continue;
    }
    if (give_to_older(pool, server)) continue;
    pool.idle.pop_back();
    assign(*clients_.find(pool.waiting.first()), server);
  }
  if (pool.pressure.since != never && !pool.offering && !pool.idle.empty()) {
    offer(*servers_.find(pool.idle.front()), Offer::Why::pressure);
  }
  if (pool.waiting.empty()) share_idle(pool);
  report(pool);
  collect(pool);
}

pool::Level Machine::Core::level_of(const Pool& pool) const {
  const bool for_login = !pool.known && !pool.logging_in.empty();
  // Those that are checked are as good as there.
  const std::uint32_t waiting =
      pool.waiting.size() - std::min(pool.answering_count, pool.waiting.size());
  const std::uint32_t wanted = waiting + (for_login ? 1 : 0);
  const Client* replicating = next_to_replicate(pool);
  return {
      wanted, wanted > 0 ? oldest_wait(pool) : never,
      !pool.retired && (pool.client_count > 0 || (pool.forced_user && !pool.database->automatic)),
      pool.replicating.size(), replicating != nullptr ? replicating->request_at : never};
}

// What is new: to the ledger, which the first machine asks itself, and where the pool lives.
void Machine::Core::report(Pool& pool) {
  const pool::Level level = level_of(pool);
  const bool is_news = pool.told != level || !pool.news.empty() || !pool.offers.empty();
  if (seat_.machine == 0 && is_news) {
    const bool anew = !pool.told;
    pool.told = level;
    report({pool.name(),
            epoch_,
            false,
            level,
            {},
            std::exchange(pool.news, {}),
            std::exchange(pool.offers, {}),
            anew});
  }
  if (seat_.machines > 1) say_hunger(pool);
}

void Machine::Core::report(const seats::Report& report) {
  if (seat_.machine == 0) return hear(0, report);
  tell(0, report);
}

// Of a pool that may be gone by now.
void Machine::Core::report(const pool::PoolName& name, News news) {
  if (Pool* pool = pool_named(name)) {
    pool->news.push_back(news);
    return touch(*pool);
  }
  report({name, epoch_, true, {}, {}, {news}, {}});
}

// Also one that was removed and has not gone yet.
Machine::Core::Pool* Machine::Core::pool_named(const pool::PoolName& name) {
  const auto known =
      pool_index_.find(std::pair(std::string(name.database), std::string(name.user)));
  if (known != pool_index_.end()) {
    Pool* pool = pools_.find(known->second);
    if (pool->forced_user == name.forced_user) return pool;
  }
  Pool* found = nullptr;
  pools_.each([&](PoolHandle, Pool& pool) {
    if (pool.retired && pool.name() == name) found = &pool;
  });
  return found;
}

void Machine::Core::hear(std::uint8_t, const seats::Open& open) {
  Pool* pool = pool_named(open.pool);
  const bool for_nobody =
      pool == nullptr || ((pool->retired || draining_) && pool->waiting.empty() && !open.dedicated);
  if (for_nobody || open.epoch != epoch_) {
    return report(open.pool, {News::What::unused, open.host, {}, open.dedicated});
  }
  if (open.dedicated) return open_own_server(*pool, open);
  open_server(*pool, open, beginning_of(pool->database->settings));
}

// Nobody uses it until the ledger has decided whether it goes. Requires: it is clean.
void Machine::Core::offer(Server& server, Offer::Why why) {
  Pool& pool = *pools_.find(server.pool);
  const Instant used_at = server.state == ServerState::idle ? server.state_at : now_;
  std::erase(pool.idle, server.self);
  if (server.state != ServerState::settling) server.become(ServerState::settling, now_);
  server.offered = true;
  if (why == Offer::Why::pressure) pool.offering = true;
  // Whoever waits for one that is asked something does not need this one.
  const bool needed = pool.waiting.size() > pool.answering_count;
  pool.offers.push_back({server.self, why, used_at, needed ? waiting_since(pool) : never});
  touch(pool);
}

void Machine::Core::hear(std::uint8_t, const seats::Decided& decided) {
  Pool* pool = pool_named(decided.pool);
  if (pool != nullptr && decided.offer.why == Offer::Why::pressure) {
    pool->offering = false;
    if (!decided.close) pool->pressure = {};
  }
  // Somebody is at another machine: its servers here are offered again when as much time has gone.
  if (pool != nullptr && decided.offer.why == Offer::Why::unused && !decided.close) {
    pool->database->unused_since = now_;
  }
  Server* server = servers_.find(decided.offer.server);
  if (server == nullptr || !std::exchange(server->offered, false)) {
    if (decided.close) report(decided.pool, {News::What::kept, {}, {}});
    return;
  }
  if (decided.close) {
    server->told_to_go = true;
    return close_server(*server, words_of(decided.offer.why));
  }
  after_reply(*server);
  if (server->state == ServerState::settling) arm(*server);  // half a message has come meanwhile
}

void Machine::Core::hear(std::uint8_t, const seats::Pressed& pressed) {
  Pool* pool = pool_named(pressed.pool);
  if (pool == nullptr) return;
  pool->pressure = pressed.pressure;
  touch(*pool);
}

void Machine::Core::hear(std::uint8_t, const seats::Failing& failing) {
  Pool* pool = pool_named(failing.pool);
  if (pool == nullptr) return;
  pool->failure.reset();
  if (!failing.why) return;
  const News::Why& why = *failing.why;
  pool->failure = {{SqlState::named(why.code), std::string(why.message), std::string(why.hint)},
                   failing.retry_at,
                   failing.hopeless};
  if (failing.hopeless) fail_waiters(*pool, pool->failure->error);
}

void Machine::Core::fail_waiters(Pool& pool, const PgError& error) {
  for (pool::WaitQueue* queue : {&pool.waiting, &pool.logging_in}) {
    while (Client* client = clients_.find(queue->first())) fail_client(*client, error);
  }
}

}  // namespace pgweir
