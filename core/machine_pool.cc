// Who gets which server, and when servers are opened. Within a pool clients are served in the order
// they came. Pools that share a limit take turns by the oldest waiter.
#include <algorithm>

#include "core/machine_core.h"

namespace pgweir {

using session::ClientState;

// The bytes begin with the client's request.
void Machine::Core::want_server(Client& client, Bytes bytes) {
  Pool& pool = *pools_.find(client.pool);
  client.request_at = now_;
  if (pool.waiting.empty() && !pool.idle.empty()) {
    Server& server = *servers_.find(pool.idle.back());
    pool.idle.pop_back();
    session::LinkContext context = this->context(pool);
    join_link(client, server, context);
    if (client.congested) update_reading(server);
    return active_bytes(client, bytes);
  }
  if (pool.back_off.permanent() && pool.server_count == 0 && now_ < pool.back_off.retry_at()) {
    return fail_client(client, pool.back_off.error());
  }
  client.stream.hold(bytes);
  client.become(ClientState::waiting, now_);
  pool.waiting.push_back(clients_, client);
  update_reading(client);
  arm(client);
  touch(pool);
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

// Something that several pools share became free: whoever has waited longest looks first.
void Machine::Core::touch_waiting() {
  std::vector<std::pair<Instant, PoolHandle>> waiting;
  pools_.each([&](PoolHandle handle, Pool& pool) {
    if (!pool.waiting.empty() || !pool.logging_in.empty() ||
        pool.server_count < pool.limits.minimum) {
      waiting.emplace_back(turn_of(pool), handle);
    }
  });
  std::sort(waiting.begin(), waiting.end());
  for (const auto& [since, handle] : waiting) touch(*pools_.find(handle));
}

Instant Machine::Core::oldest_wait(const Pool& pool) const {
  Instant oldest = never;
  for (const ClientHandle first : {pool.waiting.first(), pool.logging_in.first()}) {
    if (const Client* client = clients_.find(first)) oldest = std::min(oldest, client->request_at);
  }
  return oldest;
}

// When it has its turn at a limit that it shares: the longest wait first. Who has failed waits anew
// from when it may try again; else those of a dead host pass a place round among themselves.
Instant Machine::Core::turn_of(const Pool& pool) const {
  Instant turn = oldest_wait(pool);
  const Host& host = *hosts_.find(pool.database->host);
  for (const pool::BackOff* back_off : {&pool.back_off, &host.back_off}) {
    if (back_off->failing()) turn = std::max(turn, back_off->retry_at());
  }
  return turn;
}

void Machine::Core::serve(Pool& pool) {
  pool.dirty = false;
  while (!pool.waiting.empty() && !pool.idle.empty()) {
    Server& server = *servers_.find(pool.idle.back());
    pool.idle.pop_back();
    assign(*clients_.find(pool.waiting.first()), server);
  }
  grow(pool);
  collect(pool);
}

// Opens what the waiting clients need, in parallel, as far as every limit allows.
void Machine::Core::grow(Pool& pool) {
  const bool was_starved = pool.starved;
  pool.starved = false;
  const std::uint32_t wanted =
      pool.waiting.size() + (!pool.known && !pool.logging_in.empty() ? 1 : 0);
  while (wanted > pool.connecting_count) {
    const Room room = room_for(pool);
    if (room == Room::yes) {
      open_server(pool);
      continue;
    }
    if (room == Room::shared_full) {
      pool.starved = true;
      make_room(pool);
    }
    break;
  }
  const bool kept_up = !draining_ && !pool.retired && (pool.forced_user || pool.client_count > 0);
  while (kept_up && pool.server_count - pool.closing_count < pool.limits.minimum &&
         room_for(pool) == Room::yes) {
    open_server(pool);
  }
  if (pool.starved == was_starved) return;
  pool.kept_since = never;
  pool.starved ? ++starved_count_ : --starved_count_;
  if (!pool.starved) touch_waiting();  // what was kept for this pool is for others again
}

Machine::Core::Room Machine::Core::room_for(Pool& pool) {
  if (pool.limits.size != 0 && pool.server_count >= pool.limits.size) {
    const Instant oldest = oldest_wait(pool);
    const bool reserve_left = pool.server_count < pool.limits.size + pool.limits.reserve;
    if (!reserve_left || oldest == never) return Room::pool_full;
    const Instant reserve_at = after(oldest, settings_.reserve_pool_timeout);
    if (now_ < reserve_at) {
      timers_.at_latest(pool.timer, reserve_at);
      return Room::pool_full;
    }
  }
  if (pool.back_off.failing() && now_ < pool.back_off.retry_at()) {
    timers_.at_latest(pool.timer, pool.back_off.retry_at());
    return Room::later;
  }
  if (pool.back_off.failing() && pool.connecting_count > 0) return Room::later;  // one probe
  if (const Room room = host_room(pool); room != Room::yes) return room;
  // Last: nobody makes room for a pool that could not use it.
  if (database_full(pool) || user_full(pool)) return Room::shared_full;
  return starved_count_ > 0 && kept_for_another(pool) ? Room::later : Room::yes;
}

// Whether a place that is left in a shared limit is kept for a pool that has waited longer and
// needs a place in another limit too: else those who need only one would take each as it comes
// free.
bool Machine::Core::kept_for_another(const Pool& pool) {
  const Instant own = turn_of(pool);
  const bool last_of_database =
      pool.limits.database != 0 && pool.database->server_count + 1 >= pool.limits.database;
  const bool last_of_user =
      pool.limits.user != 0 && pool.user->server_count + 1 >= pool.limits.user;
  Instant kept_until = now_;
  pools_.each([&](PoolHandle, Pool& other) {
    if (!other.starved || other.self == pool.self || turn_of(other) >= own) return;
    if ((last_of_database && other.database == pool.database) ||
        (last_of_user && other.user == pool.user)) {
      kept_until = std::max(kept_until, keep_place(other));
    }
  });
  if (kept_until > now_) timers_.at_latest(pool.timer, kept_until);
  return kept_until > now_;
}

// Until when places are kept for a starved pool. Its other limit may stay full for ever: so it is
// a while, and then as long not.
Instant Machine::Core::keep_place(Pool& starved) {
  if (starved.kept_since == never || now_ - starved.kept_since >= 2 * limits::place_kept_max) {
    starved.kept_since = now_;
  }
  return after(starved.kept_since, limits::place_kept_max);
}

Machine::Core::Room Machine::Core::host_room(Pool& pool) {
  Host& host = *hosts_.find(pool.database->host);
  if (!resolve(host)) return Room::later;
  if (host.may_connect(now_)) return Room::yes;
  const bool waits_for_attempt = host.back_off.failing() ? host.connecting > 0 : host.full();
  if (!waits_for_attempt) timers_.at_latest(host.timer, host.retry_at(now_));
  return Room::later;
}

bool Machine::Core::database_full(const Pool& pool) const {
  return pool.limits.database != 0 && pool.database->server_count >= pool.limits.database;
}

bool Machine::Core::user_full(const Pool& pool) const {
  return pool.limits.user != 0 && pool.user->server_count >= pool.limits.user;
}

// A shared limit is full and somebody waits: the idle server that was used longest ago makes room,
// one for each waiter that no closing server provides for already.
void Machine::Core::make_room(const Pool& pool) {
  const bool by_database = database_full(pool);
  const std::uint32_t closing =
      by_database ? pool.database->closing_count : pool.user->closing_count;
  if (closing >= pool.waiting.size() + pool.logging_in.size()) return;
  Server* victim = nullptr;
  pools_.each([&](PoolHandle, Pool& other) {
    const bool shares = by_database ? other.database == pool.database : other.user == pool.user;
    if (!shares || other.self == pool.self || other.idle.empty()) return;
    Server* oldest = servers_.find(other.idle.front());
    if (victim == nullptr || oldest->state_at < victim->state_at) victim = oldest;
  });
  if (victim != nullptr) close_server(*victim, "another pool waits for its place");
}

// Whether a server of this pool, free now, makes room for a pool that shares a full limit with it:
// one whose client has waited longer, and that has fewer servers or nobody waiting here.
bool Machine::Core::should_yield(const Pool& pool) {
  const Instant own = turn_of(pool);
  const std::uint32_t count = pool.server_count - pool.closing_count;
  bool yield = false;
  pools_.each([&](PoolHandle, const Pool& other) {
    if (!other.starved || other.self == pool.self) return;
    const bool by_database = other.database == pool.database && database_full(other);
    const bool by_user = other.user == pool.user && user_full(other);
    if (!by_database && !by_user) return;
    const std::uint32_t closing =
        by_database ? other.database->closing_count : other.user->closing_count;
    const std::uint32_t others = other.server_count - other.closing_count;
    const bool provided_for = closing >= other.waiting.size() + other.logging_in.size();
    const bool fair = own == never || others == 0 || count > others + 1;
    if (!provided_for && turn_of(other) < own && fair) yield = true;
  });
  return yield;
}

void Machine::Core::fail_waiters(Pool& pool, const PgError& error) {
  for (pool::WaitQueue* queue : {&pool.waiting, &pool.logging_in}) {
    while (Client* client = clients_.find(queue->first())) fail_client(*client, error);
  }
}

// Its pools may have been held back by the host's bounds.
void Machine::Core::host_ready(Host& host) {
  pools_.each([&](PoolHandle, Pool& pool) {
    if (pool.database->host == host.self) touch(pool);
  });
}

// True when the host has addresses to try, of an answer that is not too old: after a failover an
// old one leads to where nobody should go. Asks for a new one; when that is none, the old
// addresses serve on.
bool Machine::Core::resolve(Host& host) {
  if (host.is_unix()) return true;
  const bool old = host.addresses.empty() ||
                   now_ - host.resolved_at >= std::max<Duration>(settings_.dns_max_ttl, 1s);
  if (old && !host.resolving && (!host.addresses.empty() || host.may_connect(now_))) {
    host.resolving = true;
    resolutions_.emplace(++last_ticket_, host.self);
    out_.add(effect::Resolve{last_ticket_, host.name, host.port});
  }
  if (host.addresses.empty() && !host.resolving) {
    timers_.at_latest(host.timer, host.retry_at(now_));
  }
  return !old;
}

std::uint8_t Machine::Core::jitter() {
  std::byte random[1];
  vault_.random(random);
  return std::to_integer<std::uint8_t>(random[0]);
}

}  // namespace pgweir
