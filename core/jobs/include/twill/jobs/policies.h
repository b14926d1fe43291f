// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Job: plans by our solver and by the rules of others at equal density, factor by factor (what
// error a rule counts, the rule, how many tables), the published settings of others, and dynamic
// oracles.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "twill/jobs/job.h"
#include "twill/jobs/search.h"
#include "twill/report/clip_settings.h"
#include "twill/report/policies_report.h"

namespace twill::jobs {

using report::DenseParts;
using report::PolicyRun;
using report::Tuned;
using report::TunedSetting;

struct PoliciesOptions {
  report::ClipSettings clip;
  // Plans with a profile, or profiles, of different search prompts: every row is made from each.
  std::vector<std::filesystem::path> profiles;
  // As many, profiled along the trajectory of the paper's rule, or none: then the rows with sparse
  // outputs fed forward are left out.
  std::vector<std::filesystem::path> fed_profiles;
  std::vector<std::string> tuning_prompts;  // settings are chosen on these
  std::vector<std::string> prompts;         // measured on these
  std::uint64_t tuning_seed = 0;
  std::uint64_t seed = 1000;   // as evaluate's: of the first prompt
  double density = 0.40;       // of the whole run, dense steps counted: the same for all
  std::int32_t segments = 8;   // of the solver
  std::int32_t settings = 12;  // that each row may try on the tuning prompts
  // Names of rows (policy_row_names()) or what they begin with up to a dot; empty: all. The solver
  // is always there.
  std::vector<std::string> rows;
  // Make no clip: rows whose clips are not all kept, of each profile, are left out.
  bool only_kept = false;
  report::ReportFacts facts;   // that the report tells
  std::filesystem::path out;   // JSON
  std::filesystem::path work;  // kept clips and measurements; beside `out` if not given
};

// The rows in their order.
std::vector<std::string> policy_row_names();

// Every clip's quality is kept: a stopped run goes on where it was, and several processes may share
// the work folder. Throws Error or Cancelled.
report::PoliciesReport compare_policies(const PoliciesOptions& options, const JobControl& control);

}  // namespace twill::jobs
