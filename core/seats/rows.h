// What the machines answer to one SHOW: the rows of each, and all of them as one. Views in what is
// read are of the bytes.
#pragma once

#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/console/show.h"

namespace pgweir::seats {

// Only those that were asked for have anything in them.
struct Rows {
  std::vector<console::PoolRow> pools;
  std::vector<console::SocketRow> sockets;
  std::vector<console::DatabaseRow> databases;
  std::vector<console::UserRow> users;
  std::vector<console::StatsRow> stats;
  // With stats: what should not happen, since the start.
  std::uint64_t half_message_lost = 0;
  std::uint64_t protocol_desync = 0;
  std::uint64_t foreign_cancels = 0;
};

std::string write_rows(const Rows& rows);
Rows read_rows(Bytes bytes);

// Adds what another machine has: rows about the same thing become one, with the sum of its counts.
void add(Rows& all, const Rows& others);

}  // namespace pgweir::seats
