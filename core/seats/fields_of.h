// The fields of all that machines tell each other, in the order in which they become bytes. A field
// that is added to a struct and forgotten here does not compile.
#pragma once

#include <concepts>
#include <tuple>
#include <type_traits>

#include "core/console/show.h"
#include "core/seats/message.h"

namespace pgweir::seats {

template <class T, class Wanted>
concept Is = std::same_as<std::remove_const_t<T>, Wanted>;

auto fields_of(Is<ClientHandle> auto& handle) {
  auto& [slot, generation] = handle;
  return std::tie(slot, generation);
}
auto fields_of(Is<ServerHandle> auto& handle) {
  auto& [slot, generation] = handle;
  return std::tie(slot, generation);
}
auto fields_of(Is<HostHandle> auto& handle) {
  auto& [slot, generation] = handle;
  return std::tie(slot, generation);
}
auto fields_of(Is<SocketId> auto& socket) {
  auto& [kind, slot, generation] = socket;
  return std::tie(kind, slot, generation);
}
auto fields_of(Is<Endpoint> auto& endpoint) {
  auto& [family, port, address, path] = endpoint;
  return std::tie(family, port, address, path);
}
auto fields_of(Is<metrics::Totals> auto& totals) {
  auto& [a, b, c, d, e, f, g, h, i, j, k] = totals;
  return std::tie(a, b, c, d, e, f, g, h, i, j, k);
}
auto fields_of(Is<session::ServerStatements::Listed> auto& statement) {
  auto& [digest, in_doubt] = statement;
  return std::tie(digest, in_doubt);
}

auto fields_of(Is<pool::PoolName> auto& name) {
  auto& [database, user, forced_user] = name;
  return std::tie(database, user, forced_user);
}
auto fields_of(Is<pool::Level> auto& level) {
  auto& [wanted, since, kept_up, dedicated, dedicated_since] = level;
  return std::tie(wanted, since, kept_up, dedicated, dedicated_since);
}
auto fields_of(Is<pool::Hunger> auto& hunger) {
  auto& [number, wanted, since, newest, behind, unknown, told_count, passing] = hunger;
  return std::tie(number, wanted, since, newest, behind, unknown, told_count, passing);
}
auto fields_of(Is<pool::News::Why> auto& why) {
  auto& [code, message, hint, heard, permanent] = why;
  return std::tie(code, message, hint, heard, permanent);
}
auto fields_of(Is<pool::News> auto& news) {
  auto& [what, host, why, dedicated, sign] = news;
  return std::tie(what, host, why, dedicated, sign);
}
auto fields_of(Is<pool::Offer> auto& offer) {
  auto& [server, why, used_at, since] = offer;
  return std::tie(server, why, used_at, since);
}
auto fields_of(Is<pool::Pressure> auto& pressure) {
  auto& [since, fair_since] = pressure;
  return std::tie(since, fair_since);
}

auto fields_of(Is<Admit> auto& message) {
  auto& [client, admin] = message;
  return std::tie(client, admin);
}
auto fields_of(Is<Admitted> auto& message) {
  auto& [client, admitted] = message;
  return std::tie(client, admitted);
}
auto fields_of(Is<Left> auto& message) {
  auto& [clients, places] = message;
  return std::tie(clients, places);
}
auto fields_of(Is<HandedOver> auto& message) {
  auto& [count] = message;
  return std::tie(count);
}
auto fields_of(Is<Cancel> auto& message) {
  auto& [requester, id, secret] = message;
  return std::tie(requester, id, secret);
}
auto fields_of(Is<Cancelled> auto& message) {
  auto& [requester] = message;
  return std::tie(requester);
}
auto fields_of(Is<Ask> auto& message) {
  auto& [gather, what] = message;
  return std::tie(gather, what);
}
auto fields_of(Is<Answer> auto& message) {
  auto& [gather, rows] = message;
  return std::tie(gather, rows);
}
auto fields_of(Is<Reloaded> auto& message) {
  auto& [problem] = message;
  return std::tie(problem);
}
auto fields_of(Is<Applied> auto& message) {
  auto& [epoch] = message;
  return std::tie(epoch);
}
auto fields_of(Is<Report> auto& message) {
  auto& [pool, epoch, gone, level, hunger, news, offers, anew] = message;
  return std::tie(pool, epoch, gone, level, hunger, news, offers, anew);
}
auto fields_of(Is<Open> auto& message) {
  auto& [pool, epoch, host, endpoint, dedicated] = message;
  return std::tie(pool, epoch, host, endpoint, dedicated);
}
auto fields_of(Is<Decided> auto& message) {
  auto& [pool, offer, close] = message;
  return std::tie(pool, offer, close);
}
auto fields_of(Is<Pressed> auto& message) {
  auto& [pool, pressure] = message;
  return std::tie(pool, pressure);
}
auto fields_of(Is<Failing> auto& message) {
  auto& [pool, why, retry_at, hopeless] = message;
  return std::tie(pool, why, retry_at, hopeless);
}
auto fields_of(Is<Marked> auto& message) {
  auto& [host, sign] = message;
  return std::tie(host, sign);
}
auto fields_of(Is<Hungry> auto& message) {
  auto& [pool, machine, epoch, hunger] = message;
  return std::tie(pool, machine, epoch, hunger);
}
auto fields_of(Is<Parameter> auto& parameter) {
  auto& [name, value] = parameter;
  return std::tie(name, value);
}
auto fields_of(Is<Introduced> auto& message) {
  auto& [pool, epoch, welcome] = message;
  return std::tie(pool, epoch, welcome);
}
// Those that say all by their name.
template <class T>
  requires std::is_empty_v<T>
std::tuple<> fields_of(T&) {
  return {};
}
auto fields_of(Is<ClientParcel> auto& parcel) {
  auto& [number, peer, local, uid, connected_at, has_place, held] = parcel;
  return std::tie(number, peer, local, uid, connected_at, has_place, held);
}
auto fields_of(Is<ServerParcel> auto& parcel) {
  auto& [number, pool, epoch, host, standby, doubted, sign, endpoint, local, backend_pid,
         backend_secret, connected_at, expires_at, heard_at, checked_at, idle_since, assignments,
         hunger, parameters, settings, statements, welcome] = parcel;
  return std::tie(number, pool, epoch, host, standby, doubted, sign, endpoint, local, backend_pid,
                  backend_secret, connected_at, expires_at, heard_at, checked_at, idle_since,
                  assignments, hunger, parameters, settings, statements, welcome);
}

auto fields_of(Is<console::PoolRow> auto& row) {
  auto& [database, user, cl_active, cl_waiting, cl_active_cancel_req, cl_waiting_cancel_req,
         sv_active, sv_active_cancel, sv_being_canceled, sv_idle, sv_used, sv_tested, sv_login,
         maxwait, pool_mode, load_balance_hosts, sv_pinned] = row;
  return std::tie(database, user, cl_active, cl_waiting, cl_active_cancel_req,
                  cl_waiting_cancel_req, sv_active, sv_active_cancel, sv_being_canceled, sv_idle,
                  sv_used, sv_tested, sv_login, maxwait, pool_mode, load_balance_hosts, sv_pinned);
}
auto fields_of(Is<console::SocketRow> auto& row) {
  auto& [machine, socket, user, database, replication, state, remote, local, connect_time,
         request_time, wait, close_needed, link, remote_pid, tls, application_name,
         prepared_statements, id, pinned_by] = row;
  return std::tie(machine, socket, user, database, replication, state, remote, local, connect_time,
                  request_time, wait, close_needed, link, remote_pid, tls, application_name,
                  prepared_statements, id, pinned_by);
}
auto fields_of(Is<console::DatabaseRow> auto& row) {
  auto& [name, host, port, database, force_user, pool_size, min_pool_size, reserve_pool_size,
         server_lifetime, pool_mode, load_balance_hosts, max_connections, current_connections,
         max_client_connections, current_client_connections, paused, disabled] = row;
  return std::tie(name, host, port, database, force_user, pool_size, min_pool_size,
                  reserve_pool_size, server_lifetime, pool_mode, load_balance_hosts,
                  max_connections, current_connections, max_client_connections,
                  current_client_connections, paused, disabled);
}
auto fields_of(Is<console::UserRow> auto& row) {
  auto& [name, pool_size, reserve_pool_size, pool_mode, max_user_connections, current_connections,
         max_user_client_connections, current_client_connections] = row;
  return std::tie(name, pool_size, reserve_pool_size, pool_mode, max_user_connections,
                  current_connections, max_user_client_connections, current_client_connections);
}
auto fields_of(Is<console::StatsRow> auto& row) {
  auto& [database, totals, last_period, period] = row;
  return std::tie(database, totals, last_period, period);
}

}  // namespace pgweir::seats
