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
#include "twill/report/prediction_report.h"

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
  report::ReportFacts facts;   // that the report tells
  std::filesystem::path out;   // JSON
  std::filesystem::path work;  // kept clips and measurements; beside `out` if not given
};

// Every clip's quality is kept: a stopped run goes on where it was. Throws Error or Cancelled.
report::PredictionReport check_prediction(const PredictionOptions& options,
                                          const JobControl& control);

}  // namespace twill::jobs
