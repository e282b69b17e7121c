#include "core/seats/rows.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/seats/fields.h"

namespace pgweir::seats {

namespace {

// Row by row: the one in all that is about the same thing takes it in, or it is a new one.
template <class Row, class KeyOf, class TakeIn>
void add(std::vector<Row>& all, const std::vector<Row>& others, KeyOf key_of, TakeIn take_in) {
  if (others.empty()) return;
  std::map<decltype(key_of(others.front())), std::size_t> places;
  for (std::size_t i = 0; i < all.size(); ++i) places.emplace(key_of(all[i]), i);
  for (const Row& other : others) {
    const auto [place, is_new] = places.emplace(key_of(other), all.size());
    if (is_new) {
      all.push_back(other);
    } else {
      take_in(all[place->second], other);
    }
  }
}

void take_in(console::PoolRow& row, const console::PoolRow& other) {
  for (std::int32_t console::PoolRow::* count :
       {&console::PoolRow::cl_active, &console::PoolRow::cl_waiting,
        &console::PoolRow::cl_active_cancel_req, &console::PoolRow::cl_waiting_cancel_req,
        &console::PoolRow::sv_active, &console::PoolRow::sv_active_cancel,
        &console::PoolRow::sv_being_canceled, &console::PoolRow::sv_idle,
        &console::PoolRow::sv_used, &console::PoolRow::sv_tested, &console::PoolRow::sv_login,
        &console::PoolRow::sv_pinned}) {
    row.*count += other.*count;
  }
  row.maxwait = std::max(row.maxwait, other.maxwait);
}

}  // namespace

std::string write_rows(const Rows& rows) {
  Writer writer;
  writer.put(rows.pools);
  writer.put(rows.sockets);
  writer.put(rows.databases);
  writer.put(rows.users);
  writer.put(rows.stats);
  writer.put(rows.half_message_lost);
  writer.put(rows.protocol_desync);
  writer.put(rows.foreign_cancels);
  return writer.take();
}

Rows read_rows(Bytes bytes) {
  Reader reader(bytes);
  Rows rows;
  reader.get(rows.pools);
  reader.get(rows.sockets);
  reader.get(rows.databases);
  reader.get(rows.users);
  reader.get(rows.stats);
  reader.get(rows.half_message_lost);
  reader.get(rows.protocol_desync);
  reader.get(rows.foreign_cancels);
  reader.finish();
  return rows;
}

void add(Rows& all, const Rows& others) {
  add(
      all.pools, others.pools, [](const auto& row) { return std::pair(row.database, row.user); },
      [](auto& row, const auto& other) { take_in(row, other); });
  all.sockets.insert(all.sockets.end(), others.sockets.begin(), others.sockets.end());
  const auto name = [](const auto& row) { return row.name; };
  const auto add_connections = [](auto& row, const auto& other) {
    row.current_connections += other.current_connections;
    row.current_client_connections += other.current_client_connections;
  };
  add(all.databases, others.databases, name, add_connections);
  add(all.users, others.users, name, add_connections);
  add(
      all.stats, others.stats, [](const auto& row) { return row.database; },
      [](auto& row, const auto& other) {
        row.totals += other.totals;
        row.last_period += other.last_period;
        row.period = std::max(row.period, other.period);  // they begin at one time, nearly
      });
  all.half_message_lost += others.half_message_lost;
  all.protocol_desync += others.protocol_desync;
  all.foreign_cancels += others.foreign_cancels;
}

}  // namespace pgweir::seats
