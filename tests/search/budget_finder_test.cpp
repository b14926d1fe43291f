// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/budget_finder.h"
#include "refusal.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "twill/plan/error.h"

namespace twill::search {
namespace {

constexpr std::int32_t kTries = 5;

// Tries budgets until the finder has enough of it.
BudgetFinder finished(Wish wish, double value, const std::function<double(double)>& clips_measure,
                      double least_budget = 0.1) {
  BudgetFinder finder(wish, value, least_budget, kTries);
  while (const std::optional<double> budget = finder.next()) {
    EXPECT_GE(*budget, least_budget);
    EXPECT_LE(*budget, 1.0);
    finder.tell(clips_measure(*budget));
  }
  return finder;
}

double found_budget(const BudgetFinder& finder) {
  EXPECT_TRUE(finder.best().has_value());
  return finder.best() ? finder.tries()[*finder.best()].budget
                       : std::numeric_limits<double>::quiet_NaN();
}

// 30 dB at a density of 0.25, some more for each doubling.
std::function<double(double)> decibels(double doubling) {
  return [=](double budget) { return 30.0 + doubling * std::log2(budget / 0.25); };
}

TEST(BudgetFinder, finds_the_cheapest_budget_of_a_known_curve) {
  const BudgetFinder finder = finished(Wish::kPsnr, 30.0, decibels(12.0));
  const double exact = 0.25 * std::exp2(0.5 / 12.0);
  EXPECT_EQ(finder.tries().front().budget, 0.4);
  EXPECT_GE(found_budget(finder), exact);
  EXPECT_LT(found_budget(finder), exact + 0.02);
}

TEST(BudgetFinder, learns_a_slope_that_is_not_the_one_it_began_with) {
  const BudgetFinder finder = finished(Wish::kPsnr, 30.0, decibels(5.0));
  const double exact = 0.25 * std::exp2(0.5 / 5.0);
  EXPECT_GE(found_budget(finder), exact);
  EXPECT_LT(found_budget(finder), exact + 0.03);
}

TEST(BudgetFinder, takes_the_best_plan_that_is_fast_enough) {
  const BudgetFinder finder =
      finished(Wish::kSpeedup, 1.4, [](double budget) { return 1.0 / (0.45 + 0.55 * budget); });
  const double exact = (1.0 / (1.4 * 1.01) - 0.45) / 0.55;
  EXPECT_GT(found_budget(finder), exact - 0.03);
  EXPECT_LE(found_budget(finder), exact + 1e-9);
}

TEST(BudgetFinder, goes_on_when_a_budget_just_fails) {
  // The first try misses by a hair, so that the next budget is all but the same.
  const BudgetFinder finder = finished(
      Wish::kPsnr, 30.0, [](double budget) { return 30.45 + 12.0 * std::log2(budget / 0.4); });
  EXPECT_GT(finder.tries().size(), 1u);
  EXPECT_TRUE(finder.best().has_value());
}

// As a model's clips measured: straight lines between budgets whose PSNR is known.
TEST(BudgetFinder, follows_a_curve_that_bends) {
  const std::vector<std::pair<double, double>> points{{0.1, 22.0},    {0.2, 28.5},   {0.25, 30.46},
                                                      {0.2614, 30.7}, {0.33, 32.87}, {0.4, 33.75},
                                                      {1.0, 60.0}};
  const BudgetFinder finder = finished(Wish::kPsnr, 30.0, [&](double budget) {
    std::size_t i = 1;
    while (points[i].first < budget) {
      ++i;
    }
    const auto [x0, y0] = points[i - 1];
    const auto [x1, y1] = points[i];
    return y0 + (y1 - y0) * (budget - x0) / (x1 - x0);
  });
  EXPECT_LT(found_budget(finder), 0.275);  // 30.5 dB is reached at 0.252
}

TEST(BudgetFinder, says_how_near_it_came_to_what_cannot_be) {
  const BudgetFinder finder =
      finished(Wish::kSpeedup, 50.0, [](double budget) { return 1.0 / (0.5 + 0.5 * budget); });
  EXPECT_FALSE(finder.best().has_value());
  EXPECT_LE(finder.tries().size(), static_cast<std::size_t>(kTries));
  EXPECT_LT(finder.nearest().measured, 2.0);
  EXPECT_GT(finder.nearest().measured, finder.tries().front().measured);
}

TEST(BudgetFinder, never_asks_for_less_than_the_solver_can) {
  const BudgetFinder finder = finished(
      Wish::kSpeedup, 3.0, [](double budget) { return 1.0 / budget; }, 0.6);
  EXPECT_EQ(finder.tries().front().budget, 0.6);
  EXPECT_FALSE(finder.best().has_value());
}

TEST(BudgetFinder, refuses_what_is_out_of_range) {
  const auto refusal = [](double value, double least, std::int32_t tries) -> std::string {
    return tests::refusal([&] { BudgetFinder(Wish::kPsnr, value, least, tries); });
  };
  EXPECT_EQ(refusal(0.0, 0.1, 5), "wish: 0 is not above 0");
  EXPECT_EQ(refusal(30.0, 1.5, 5), "least budget: 1.5 is not in 0..1");
  EXPECT_EQ(refusal(30.0, 0.1, 0), "tries: 0 is not above 0");
  BudgetFinder finder(Wish::kSpeedup, 1.3, 0.1, 1);
  EXPECT_THROW(finder.tell(0.0), Error);
  EXPECT_FALSE(finder.tell(1.2));
  EXPECT_FALSE(finder.next().has_value());
  EXPECT_THROW(finder.tell(1.4), Error);
}

}  // namespace
}  // namespace twill::search
