// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>
#include <vector>

#include "twill/report/statistics.h"

namespace twill::report {
namespace {

TEST(Bootstrap, interval_of_equal_differences_is_a_point) {
  const std::array<double, 16> differences{1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5,
                                           1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5};
  const Interval interval = bootstrap_interval(differences);
  EXPECT_DOUBLE_EQ(interval.low, 1.5);
  EXPECT_DOUBLE_EQ(interval.high, 1.5);
}

// The mean of n draws has a standard error of deviation / sqrt(n); for n = 64 the percentile
// interval is close to 1.96 of them. The bound is five standard errors of a 2.5 % quantile
// estimated from 10,000 draws (density there 0.058 / error).
TEST(Bootstrap, interval_is_that_of_the_normal_limit) {
  std::vector<double> differences;
  for (int i = 0; i < 64; ++i) {
    differences.push_back(i % 2 == 0 ? 1.0 : 3.0);
  }
  const Interval interval = bootstrap_interval(differences);
  const double error = 1.0 / std::sqrt(64.0);
  const double bound = 5 * std::sqrt(0.025 * 0.975 / 10000.0) / (0.058 / error) +
                       1.0 / 32;  // means come in steps of 1/32
  EXPECT_NEAR(interval.low, 2.0 - 1.96 * error, bound);
  EXPECT_NEAR(interval.high, 2.0 + 1.96 * error, bound);
}

// Of 16 draws of 0 or 1 with equal odds the sum is binomial: 3 or less in 1.06 % of cases, 4 or
// less in 3.84 %. So 2.5 % lie below 4 of 16; 5 % would lie below 5 of 16.
TEST(Bootstrap, leaves_out_a_fortieth_at_each_end) {
  const std::array<double, 16> differences{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1};
  const Interval interval = bootstrap_interval(differences);
  EXPECT_DOUBLE_EQ(interval.low, 4.0 / 16.0);
  EXPECT_DOUBLE_EQ(interval.high, 12.0 / 16.0);
}

// The draws again, counted: 250 of 10,000 means lie below the interval and 250 above it.
TEST(Bootstrap, has_as_many_draws_below_as_above) {
  const std::array differences{0.0, 1.0, 5.0, -2.0, 0.37, 2.13, -0.71, 11.9, 3.3, -4.7, 0.05};
  for (const std::uint64_t seed : {1u, 7u}) {
    const Interval interval = bootstrap_interval(differences, seed);
    std::mt19937_64 random(seed);
    int below = 0, at_low = 0, at_high = 0, above = 0;
    for (int draw = 0; draw < 10000; ++draw) {
      double sum = 0.0;
      for (std::size_t i = 0; i < differences.size(); ++i) {
        sum += differences[random() % differences.size()];
      }
      const double mean = sum / static_cast<double>(differences.size());
      below += mean < interval.low ? 1 : 0;
      at_low += mean == interval.low ? 1 : 0;
      at_high += mean == interval.high ? 1 : 0;
      above += mean > interval.high ? 1 : 0;
    }
    // Draws of the same numbers have equal means.
    EXPECT_LE(below, 250);
    EXPECT_GT(below + at_low, 250);
    EXPECT_LE(above, 250);
    EXPECT_GT(above + at_high, 250);
  }
}

TEST(Bootstrap, is_the_same_every_time) {
  const std::array<double, 4> differences{0.0, 1.0, 5.0, -2.0};
  const Interval first = bootstrap_interval(differences);
  const Interval second = bootstrap_interval(differences);
  EXPECT_EQ(first.low, second.low);
  EXPECT_EQ(first.high, second.high);
}

// Two profiles that differ by 2 dB and agree on every prompt: over draws of two profiles the mean
// is 0, 1 or 2, the ends in a quarter of the cases each.
TEST(Bootstrap, profiles_are_drawn_too_and_one_draw_of_prompts_serves_them_all) {
  const std::array<double, 8> by_profile{0, 0, 0, 0, 2, 2, 2, 2};
  EXPECT_DOUBLE_EQ(crossed_interval(by_profile, 2).low, 0.0);
  EXPECT_DOUBLE_EQ(crossed_interval(by_profile, 2).high, 2.0);
  // Prompts that differ, profiles that do not: as one profile alone, but for the draws.
  const std::array<double, 16> twice{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1};
  std::vector<double> both(twice.begin(), twice.end());
  both.insert(both.end(), twice.begin(), twice.end());
  EXPECT_DOUBLE_EQ(crossed_interval(both, 2).low, 4.0 / 16.0);
  EXPECT_DOUBLE_EQ(crossed_interval(both, 2).high, 12.0 / 16.0);
  const Interval one = crossed_interval(twice, 1), same = bootstrap_interval(twice);
  EXPECT_EQ(one.low, same.low);
  EXPECT_EQ(one.high, same.high);
}

// At 0.3 the order is right, at 0.5 the other way round; over all six it would be mixed.
TEST(EqualDensity, each_group_is_ranked_by_itself) {
  const std::array groups{0.3, 0.5, 0.9};
  const std::array densities{0.3, 0.29, 0.31, 0.5, 0.51, 0.49, 0.9, 0.7};
  const std::array predicted{7.0, 8.0, 9.0, 1.0, 2.0, 3.0, 4.0, 5.0};
  const std::array measured{1.0, 2.0, 3.0, 9.0, 8.0, 7.0, 4.0, 5.0};
  EXPECT_DOUBLE_EQ(correlation_at_equal_density(groups, densities, predicted, measured), 0.0);
  EXPECT_DOUBLE_EQ(correlation_at_equal_density(std::array{0.3}, densities, predicted, measured),
                   1.0);
  EXPECT_DOUBLE_EQ(
      correlation_at_equal_density(std::array{0.5, 0.9}, densities, predicted, measured), -1.0);
  // Two are no order, and 0.7 belongs to no group.
  EXPECT_DOUBLE_EQ(correlation_at_equal_density(std::array{0.9}, densities, predicted, measured),
                   0.0);
}

// Densities that differ by less than 0.02 are equal, by 0.02 they are not.
TEST(EqualDensity, ends_before_two_hundredths) {
  const std::array predicted{1.0, 2.0, 3.0}, measured{10.0, 20.0, 30.0};
  const auto at = [&](double density) {
    return correlation_at_equal_density(std::array{0.0}, std::array{0.0, 0.01, density}, predicted,
                                        measured);
  };
  EXPECT_EQ(at(0.019), 1.0);
  EXPECT_EQ(at(0.02), 0.0);
}

TEST(Means, are_of_all_values) {
  EXPECT_DOUBLE_EQ(mean_of(std::array{1.0, 2.0, 6.0}), 3.0);
  EXPECT_DOUBLE_EQ(mean_of(std::array{-4.5}), -4.5);
  EXPECT_EQ(worst_of(std::array{2.0, -1.0, 7.0}), -1.0);
}

}  // namespace
}  // namespace twill::report
