// What a database did, counted: PgBouncer's counters, and its averages over a period.
//
// Totals is a plain value that its owner adds to; nothing here keeps a clock or a history. Counters
// only grow and wrap after 2^64, so a difference between two readings is right even across the
// wrap.
#pragma once

#include <cstdint>

#include "core/base/time.h"

namespace pgweir::metrics {

// The names are those of PgBouncer's SHOW STATS without their prefix. Sizes are bytes.
struct Totals {
  std::uint64_t server_assignment_count = 0;  // a client was given a server
  std::uint64_t xact_count = 0;
  std::uint64_t query_count = 0;
  std::uint64_t received = 0;      // from clients
  std::uint64_t sent = 0;          // to clients
  std::uint64_t xact_time_us = 0;  // servers inside transactions
  std::uint64_t query_time_us = 0;
  std::uint64_t wait_time_us = 0;        // clients waiting for a server
  std::uint64_t client_parse_count = 0;  // prepared statements clients made
  std::uint64_t server_parse_count = 0;  // prepared statements pgweir made on servers
  std::uint64_t bind_count = 0;

  Totals& operator+=(const Totals& other);
  Totals& operator-=(const Totals& other);
  bool operator==(const Totals&) const = default;
};

// Of what happened in a period, in the same fields: counts and sizes per second, rounded down;
// xact_time_us per transaction, query_time_us per query, wait_time_us per server assignment. A
// field is 0 when nothing of its kind happened, and all are when no time passed (at least 1 µs).
// Averages cannot be added: what several machines did is added first. Requires: a period of at most
// 200 days.
Totals averages(const Totals& change, Duration period);

}  // namespace pgweir::metrics
