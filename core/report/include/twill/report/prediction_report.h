// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// How well the predicted error of plans told the measured one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "twill/report/measured_with.h"
#include "twill/report/search_record.h"
#include "twill/search/policies.h"

namespace twill::report {

struct PredictionReport {
  std::vector<PredictedMeasured> plans;  // clip MSE: mean over the prompts
  std::vector<double> densities;         // of each plan
  double rank_correlation = 0.0;         // Spearman's
  // The same among plans whose densities differ by less than 0.02 of what was asked for; mean over
  // `asked`.
  double rank_correlation_at_equal_density = 0.0;
  // Both among the plans of the rules of others: a model that the solver's plans are the best of
  // ranks those right by construction.
  double rank_correlation_of_others = 0.0;
  double rank_correlation_of_others_at_equal_density = 0.0;
  std::vector<search::Policy> policies;  // of each plan
  // Of each plan, Ledger::clip_error; empty where nobody asked.
  std::vector<double> clip_errors;
  struct Agreement {
    double rank_correlation = 0.0;
    double rank_correlation_at_equal_density = 0.0;
    double rank_correlation_of_others = 0.0;
    double rank_correlation_of_others_at_equal_density = 0.0;
    double residual_db_rms = 0.0;
  };
  Agreement by_clip_error;  // the same figures with clip errors in the place of predicted ones
  // 10 log10(clip MSE / predicted error) of each plan, less their mean: above 0 the clip came out
  // worse than predicted.
  std::vector<double> residual_db;
  double residual_db_rms = 0.0;
  struct RuleResidual {
    search::Policy policy = search::Policy::kSolver;
    std::int32_t plans = 0;
    double mean_db = 0.0;
    double rms_db = 0.0;  // about 0
  };
  std::vector<RuleResidual> by_rule;
  std::string profile_hash;
  struct Terms {
    std::vector<std::vector<double>> layer_error;  // [layer, stacks one after another][forward]
    std::vector<std::vector<double>> kind_error;   // [kPatternNames][forward]
  };
  std::vector<Terms> terms;   // [plans] where they were asked for
  std::vector<double> asked;  // densities
  std::uint64_t seed = 0;     // of the first prompt
  std::vector<std::string> prompts;
  MeasuredWith with;
};

// Fills in the correlations and residuals from the report's plans, densities and policies, and the
// densities that were asked for.
void add_sums(PredictionReport& report);

std::string describe(const PredictionReport& report);
std::string to_json(const PredictionReport& report);

}  // namespace twill::report
