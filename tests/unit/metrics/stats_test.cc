#include "core/metrics/stats.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace {

using namespace std::chrono_literals;
using pgweir::metrics::averages;
using pgweir::metrics::Totals;

// Every field its own number, so that a field taken for another shows.
constexpr Totals distinct{.server_assignment_count = 1,
                          .xact_count = 2,
                          .query_count = 3,
                          .received = 4,
                          .sent = 5,
                          .xact_time_us = 6,
                          .query_time_us = 7,
                          .wait_time_us = 8,
                          .client_parse_count = 9,
                          .server_parse_count = 10,
                          .bind_count = 11};
constexpr Totals doubled{.server_assignment_count = 2,
                         .xact_count = 4,
                         .query_count = 6,
                         .received = 8,
                         .sent = 10,
                         .xact_time_us = 12,
                         .query_time_us = 14,
                         .wait_time_us = 16,
                         .client_parse_count = 18,
                         .server_parse_count = 20,
                         .bind_count = 22};

TEST(Totals, add_field_by_field) {
  Totals sum = distinct;
  sum += distinct;
  EXPECT_EQ(sum, doubled);
}

TEST(Totals, subtract_field_by_field) {
  Totals difference = doubled;
  difference -= distinct;
  EXPECT_EQ(difference, distinct);
}

TEST(Averages, are_per_second_for_counts_and_per_item_for_times) {
  const Totals change{.server_assignment_count = 120,
                      .xact_count = 240,
                      .query_count = 600,
                      .received = 60'000,
                      .sent = 6'000'059,
                      .xact_time_us = 240 * 1500,
                      .query_time_us = 600 * 250 + 599,
                      .wait_time_us = 120 * 75,
                      .client_parse_count = 180,
                      .server_parse_count = 60,
                      .bind_count = 59};
  const Totals expected{.server_assignment_count = 2,
                        .xact_count = 4,
                        .query_count = 10,
                        .received = 1000,
                        .sent = 100'000,
                        .xact_time_us = 1500,
                        .query_time_us = 250,
                        .wait_time_us = 75,
                        .client_parse_count = 3,
                        .server_parse_count = 1,
                        .bind_count = 0};
  EXPECT_EQ(averages(change, 60s), expected);
}

TEST(Averages, of_less_than_a_second_are_scaled_up_to_one) {
  EXPECT_EQ(averages({.query_count = 3}, 500ms).query_count, 6u);
  EXPECT_EQ(averages({.query_count = 1}, 3s).query_count, 0u);
}

TEST(Averages, are_zero_when_nothing_happened) { EXPECT_EQ(averages(Totals{}, 60s), Totals{}); }

TEST(Averages, of_times_are_zero_without_anything_to_share_them) {
  const Totals later{.xact_time_us = 100, .query_time_us = 100, .wait_time_us = 100};
  EXPECT_EQ(averages(later, 60s), Totals{});
}

TEST(Averages, are_zero_when_no_time_passed) {
  EXPECT_EQ(averages(distinct, 0s), Totals{});
  EXPECT_EQ(averages(distinct, 999ns), Totals{});
  EXPECT_EQ(averages(distinct, -1s), Totals{});
}

TEST(Averages, survive_terabytes_in_a_period) {
  constexpr std::uint64_t huge = 6'000'000'000'000'000;
  EXPECT_EQ(averages({.sent = huge}, 60s).sent, huge / 60);
}

TEST(Averages, survive_a_counter_that_wrapped) {
  Totals change{.query_count = 60};
  change -= Totals{.query_count = std::numeric_limits<std::uint64_t>::max() - 59};
  EXPECT_EQ(averages(change, 60s).query_count, 2u);
}

}  // namespace
