// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <cmath>
#include <optional>

#include "twill/plan/error.h"
#include "twill/report/prediction_report.h"
#include "twill/report/statistics.h"
#include "twill/search/calibration.h"

namespace twill::report {
namespace {

struct Columns {
  std::vector<double> densities, predicted, measured;
};

Columns columns_of(const PredictionReport& report, bool with_solver) {
  Columns columns;
  for (std::size_t i = 0; i < report.plans.size(); ++i) {
    if (with_solver || report.policies[i] != search::Policy::kSolver) {
      columns.densities.push_back(report.densities[i]);
      columns.predicted.push_back(report.plans[i].predicted);
      columns.measured.push_back(report.plans[i].measured_mse);
    }
  }
  return columns;
}

double at_equal_density(const PredictionReport& report, const Columns& columns) {
  return correlation_at_equal_density(report.asked, columns.densities, columns.predicted,
                                      columns.measured);
}

double rms(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) {
    sum += value * value;
  }
  return std::sqrt(sum / static_cast<double>(values.size()));
}

// Plans without an error on either side say nothing of a ratio.
std::optional<double> loss_db(const PredictedMeasured& plan) {
  return plan.predicted > 0.0 && plan.measured_mse > 0.0
             ? std::optional(10.0 * std::log10(plan.measured_mse / plan.predicted))
             : std::nullopt;
}

void add_residuals(PredictionReport& report) {
  std::vector<double> known;
  for (const PredictedMeasured& plan : report.plans) {
    if (const std::optional<double> loss = loss_db(plan)) {
      known.push_back(*loss);
    }
  }
  if (known.empty()) {
    return;
  }
  const double mean = mean_of(known);
  known.clear();
  for (const PredictedMeasured& plan : report.plans) {
    const std::optional<double> loss = loss_db(plan);
    report.residual_db.push_back(loss ? *loss - mean : 0.0);
    if (loss) {
      known.push_back(report.residual_db.back());
    }
  }
  report.residual_db_rms = rms(known);
  for (const auto& [policy, name] : search::kPolicyNames) {
    std::vector<double> of_rule;
    for (std::size_t i = 0; i < report.plans.size(); ++i) {
      if (report.policies[i] == policy && loss_db(report.plans[i])) {
        of_rule.push_back(report.residual_db[i]);
      }
    }
    if (!of_rule.empty()) {
      report.by_rule.push_back({.policy = policy,
                                .plans = static_cast<std::int32_t>(of_rule.size()),
                                .mean_db = mean_of(of_rule),
                                .rms_db = rms(of_rule)});
    }
  }
}

PredictionReport::Agreement by_clip_error(const PredictionReport& report) {
  PredictionReport other{
      .plans = report.plans, .densities = report.densities, .policies = report.policies};
  other.asked = report.asked;
  for (std::size_t i = 0; i < other.plans.size(); ++i) {
    other.plans[i].predicted = report.clip_errors[i];
  }
  add_sums(other);
  return {.rank_correlation = other.rank_correlation,
          .rank_correlation_at_equal_density = other.rank_correlation_at_equal_density,
          .rank_correlation_of_others = other.rank_correlation_of_others,
          .rank_correlation_of_others_at_equal_density =
              other.rank_correlation_of_others_at_equal_density,
          .residual_db_rms = other.residual_db_rms};
}

}  // namespace

void add_sums(PredictionReport& report) {
  TWILL_ASSERT(report.plans.size() == report.densities.size() &&
               report.plans.size() == report.policies.size());
  const Columns all = columns_of(report, true), others = columns_of(report, false);
  report.rank_correlation = search::rank_correlation(all.predicted, all.measured);
  report.rank_correlation_at_equal_density = at_equal_density(report, all);
  if (others.predicted.size() > 2) {
    report.rank_correlation_of_others = search::rank_correlation(others.predicted, others.measured);
    report.rank_correlation_of_others_at_equal_density = at_equal_density(report, others);
  }
  add_residuals(report);
  if (!report.clip_errors.empty()) {
    TWILL_ASSERT(report.clip_errors.size() == report.plans.size());
    report.by_clip_error = by_clip_error(report);
  }
}

}  // namespace twill::report
