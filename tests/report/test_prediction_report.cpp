// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/report/prediction_report.h"

#include <gtest/gtest.h>

#include <cmath>

#include "twill/report/statistics.h"
#include "twill/search/calibration.h"

namespace twill::report {
namespace {

using search::Policy;

PredictionReport report_of(const std::vector<std::tuple<Policy, double, double, double>>& plans) {
  PredictionReport report;
  report.asked = {0.3, 0.5};
  for (const auto& [policy, density, predicted, measured] : plans) {
    report.policies.push_back(policy);
    report.densities.push_back(density);
    report.plans.push_back({"a plan", predicted, measured});
  }
  return report;
}

TEST(PredictionSums, ResidualsAreAboutTheMeanAndByRule) {
  // Measured over predicted: 10, 10, 1000 and 1000, that is 10 and 30 dB.
  PredictionReport report = report_of({{Policy::kSolver, 0.3, 1.0, 10.0},
                                       {Policy::kSolver, 0.5, 0.1, 1.0},
                                       {Policy::kSvg, 0.3, 2.0, 2000.0},
                                       {Policy::kSvg, 0.5, 0.2, 200.0}});
  add_sums(report);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(report.residual_db[i], i < 2 ? -10.0 : 10.0, 1e-9);
  }
  EXPECT_NEAR(report.residual_db_rms, 10.0, 1e-9);
  ASSERT_EQ(report.by_rule.size(), 2u);
  EXPECT_EQ(report.by_rule[0].policy, Policy::kSolver);
  EXPECT_EQ(report.by_rule[0].plans, 2);
  EXPECT_NEAR(report.by_rule[0].mean_db, -10.0, 1e-9);
  EXPECT_EQ(report.by_rule[1].policy, Policy::kSvg);
  EXPECT_NEAR(report.by_rule[1].mean_db, 10.0, 1e-9);
  EXPECT_NEAR(report.by_rule[1].rms_db, 10.0, 1e-9);
}

TEST(PredictionSums, CorrelationsWithAndWithoutTheSolversPlansAndAtEqualDensity) {
  // The solver's plans rank right by themselves; those of others rank wrong at 0.3, right at 0.5.
  PredictionReport report = report_of({{Policy::kSolver, 0.3, 0.1, 0.1},
                                       {Policy::kSvg, 0.3, 1.0, 3.0},
                                       {Policy::kSta, 0.31, 2.0, 2.0},
                                       {Policy::kRadial, 0.29, 3.0, 1.0},
                                       {Policy::kSvg, 0.5, 0.4, 0.4},
                                       {Policy::kSta, 0.5, 0.5, 0.5},
                                       {Policy::kRadial, 0.5, 0.6, 0.6}});
  add_sums(report);
  EXPECT_NEAR(report.rank_correlation_of_others_at_equal_density, 0.0, 1e-12);
  const double with_solver = search::rank_correlation({0.1, 1, 2, 3}, {0.1, 3, 2, 1});
  EXPECT_NEAR(report.rank_correlation_at_equal_density, (with_solver + 1.0) / 2.0, 1e-12);
  EXPECT_NEAR(report.rank_correlation_of_others,
              search::rank_correlation({1, 2, 3, .4, .5, .6}, {3, 2, 1, .4, .5, .6}), 1e-12);
  EXPECT_GT(report.rank_correlation, report.rank_correlation_of_others);
}

// Plans that the predicted error ranks the wrong way round and the clip error right.
TEST(PredictionSums, ClipErrorsHaveTheSameFigures) {
  PredictionReport report = report_of({{Policy::kSvg, 0.3, 3.0, 1.0},
                                       {Policy::kSta, 0.3, 2.0, 2.0},
                                       {Policy::kRadial, 0.3, 1.0, 300.0}});
  report.with.clip = {
      .width = 16, .height = 16, .frames = 1, .steps = 4, .shift = 3.0, .sampler = "euler"};
  add_sums(report);
  EXPECT_EQ(report.by_clip_error.rank_correlation, 0.0);
  EXPECT_EQ(to_json(report).find("clip_error"), std::string::npos);
  report.residual_db.clear();
  report.by_rule.clear();
  report.clip_errors = {1.0, 2.0, 3.0};
  add_sums(report);
  EXPECT_NEAR(report.rank_correlation_of_others, -1.0, 1e-12);
  EXPECT_NEAR(report.by_clip_error.rank_correlation, 1.0, 1e-12);
  EXPECT_NEAR(report.by_clip_error.rank_correlation_at_equal_density, 1.0, 1e-12);
  EXPECT_NEAR(report.by_clip_error.rank_correlation_of_others, 1.0, 1e-12);
  EXPECT_NEAR(report.by_clip_error.rank_correlation_of_others_at_equal_density, 1.0, 1e-12);
  // 0, 0 and 20 dB.
  EXPECT_NEAR(report.by_clip_error.residual_db_rms, 20.0 * std::sqrt(2.0) / 3.0, 1e-9);
  EXPECT_NE(to_json(report).find("by_clip_error"), std::string::npos);
  EXPECT_NE(describe(report).find("by the clip error: 1.000"), std::string::npos);
}

// Residuals that differ in size, and three plans of others: the fewest that have an order.
TEST(PredictionSums, EveryResidualCountsAndThreePlansHaveAnOrder) {
  PredictionReport report = report_of({{Policy::kSvg, 0.3, 1.0, 1.0},
                                       {Policy::kSvg, 0.3, 2.0, 2.0},
                                       {Policy::kSta, 0.3, 3.0, 3000.0}});
  add_sums(report);
  EXPECT_NEAR(report.residual_db_rms, std::sqrt((100.0 + 100.0 + 400.0) / 3.0), 1e-9);
  EXPECT_NEAR(report.by_rule[1].mean_db, 20.0, 1e-9);
  EXPECT_NEAR(report.rank_correlation_of_others, 1.0, 1e-12);
  EXPECT_NEAR(report.rank_correlation_of_others_at_equal_density, 1.0, 1e-12);
  // Two have none.
  report = report_of({{Policy::kSvg, 0.3, 1.0, 1.0}, {Policy::kSta, 0.3, 2.0, 2.0}});
  add_sums(report);
  EXPECT_EQ(report.rank_correlation_of_others, 0.0);
}

TEST(PredictionSums, EqualClipsSayNothingOfARatio) {
  PredictionReport report = report_of({{Policy::kSolver, 0.3, 1.0, 10.0},
                                       {Policy::kSvg, 0.3, 1.0, 0.0},
                                       {Policy::kSta, 0.3, 0.0, 1.0}});
  add_sums(report);
  EXPECT_NEAR(report.residual_db_rms, 0.0, 1e-12);
  ASSERT_EQ(report.by_rule.size(), 1u);
  EXPECT_EQ(report.residual_db, (std::vector<double>{0.0, 0.0, 0.0}));
}

}  // namespace
}  // namespace twill::report
