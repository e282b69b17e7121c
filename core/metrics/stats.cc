#include "core/metrics/stats.h"

#include <array>

namespace pgweir::metrics {

namespace {

constexpr std::array<std::uint64_t Totals::*, 11> every_counter{
    &Totals::server_assignment_count,
    &Totals::xact_count,
    &Totals::query_count,
    &Totals::received,
    &Totals::sent,
    &Totals::xact_time_us,
    &Totals::query_time_us,
    &Totals::wait_time_us,
    &Totals::client_parse_count,
    &Totals::server_parse_count,
    &Totals::bind_count,
};
static_assert(sizeof(Totals) == every_counter.size() * sizeof(std::uint64_t));

// Split so that terabytes in a period do not overflow the multiplication.
constexpr std::uint64_t per_second(std::uint64_t amount, std::uint64_t period_us) {
  constexpr std::uint64_t second_us = 1'000'000;
  return amount / period_us * second_us + amount % period_us * second_us / period_us;
}

constexpr std::uint64_t per_item(std::uint64_t amount, std::uint64_t items) {
  return items == 0 ? 0 : amount / items;
}

}  // namespace

Totals& Totals::operator+=(const Totals& other) {
  for (auto counter : every_counter) this->*counter += other.*counter;
  return *this;
}

Totals& Totals::operator-=(const Totals& other) {
  for (auto counter : every_counter) this->*counter -= other.*counter;
  return *this;
}

Totals averages(const Totals& change, Duration period) {
  if (microseconds(period) <= 0) return {};
  const auto period_us = static_cast<std::uint64_t>(microseconds(period));
  Totals result;
  for (auto counter : every_counter) result.*counter = per_second(change.*counter, period_us);
  result.xact_time_us = per_item(change.xact_time_us, change.xact_count);
  result.query_time_us = per_item(change.query_time_us, change.query_count);
  result.wait_time_us = per_item(change.wait_time_us, change.server_assignment_count);
  return result;
}

}  // namespace pgweir::metrics
