// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Job: how well the predicted error ranks plans that were never used to find it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "twill/jobs/job.h"
#include "twill/jobs/search.h"
#include "twill/report/clip_settings.h"
#include "twill/report/search_record.h"

namespace twill::jobs {

struct PredictionOptions {
  report::ClipSettings clip;
  std::filesystem::path profile;     // a plan with a profile, or a profile
  std::vector<std::string> prompts;  // not those of the profile
  std::uint64_t seed = 1000;         // of the first prompt; each next prompt takes the next seed
  // Shares of dense's cells. At each one: the solver's plan, with one segment too, and the first
  // plan of every rule, each with no dense first step and with a fifth of the steps dense; of the
  // rules of others also the first plan, without dense steps, that counts the predicted error.
  std::vector<double> densities{0.2, 0.3, 0.4, 0.5, 0.6};
  std::int32_t segments = 8;
  bool terms = false;          // the report tells what the predicted error of each plan is made of
  ReportFacts facts;           // that the report tells
  std::filesystem::path out;   // JSON
  std::filesystem::path work;  // kept clips and measurements; beside `out` if not given
};

struct PredictionReport {
  std::vector<report::PredictedMeasured> plans;  // clip MSE: mean over the prompts
  std::vector<double> densities;                 // of each plan
  double rank_correlation = 0.0;                 // Spearman's
  // The same among plans whose densities differ by less than 0.02 of what was asked for; mean over
  // `densities`.
  double rank_correlation_at_equal_density = 0.0;
  // Both among the plans of the rules of others: a model that the solver's plans are the best of
  // ranks those right by construction.
  double rank_correlation_of_others = 0.0;
  double rank_correlation_of_others_at_equal_density = 0.0;
  std::vector<search::Policy> policies;  // of each plan
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
  PredictionOptions options;  // with the model's defaults filled in
  std::string model;
  std::string device;
  std::string dtype;
};

// Every clip's quality is kept: a stopped run goes on where it was. Throws Error or Cancelled.
PredictionReport check_prediction(const PredictionOptions& options, const JobControl& control);

std::string describe(const PredictionReport& report);
std::string to_json(const PredictionReport& report);

}  // namespace twill::jobs
