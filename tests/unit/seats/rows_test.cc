#include "core/seats/rows.h"

#include <gtest/gtest.h>

#include "core/metrics/stats.h"

namespace pgweir::seats {
namespace {

using namespace std::chrono_literals;

// Each machine has its share of one pool's clients: 100 transactions in ten seconds, of 2 ms each.
TEST(Rows, of_several_machines_have_the_average_times_of_one) {
  const metrics::Totals did{.server_assignment_count = 100,
                            .xact_count = 100,
                            .query_count = 200,
                            .xact_time_us = 200'000,
                            .query_time_us = 100'000,
                            .wait_time_us = 50'000};
  Rows all;
  all.stats = {{.database = "app", .totals = did, .last_period = did, .period = 10s}};
  const Rows others = all;
  add(all, others);
  add(all, others);
  ASSERT_EQ(all.stats.size(), 1u);
  EXPECT_EQ(all.stats[0].totals.xact_count, 300u);
  const metrics::Totals average = averages(all.stats[0].last_period, all.stats[0].period);
  EXPECT_EQ(average.xact_count, 30u);
  EXPECT_EQ(average.query_count, 60u);
  EXPECT_EQ(average.xact_time_us, 2000u);
  EXPECT_EQ(average.query_time_us, 500u);
  EXPECT_EQ(average.wait_time_us, 500u);
}

}  // namespace
}  // namespace pgweir::seats
