// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Job: the default solver against the rules of others and a dynamic oracle, at equal density.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "twill/jobs/job.h"
#include "twill/jobs/search.h"
#include "twill/media/video_metrics.h"
#include "twill/report/clip_settings.h"

namespace twill::jobs {

struct PoliciesOptions {
  report::ClipSettings clip;
  std::filesystem::path
      profile;  // a plan with a profile, or a profile: the same candidates for all
  std::vector<std::string> tuning_prompts;  // what each policy leaves dense is chosen on these
  std::vector<std::string> prompts;         // measured on these
  std::uint64_t tuning_seed = 0;
  std::uint64_t seed = 1000;  // as evaluate's: of the first prompt
  double density = 0.40;      // of the whole run, dense first steps counted: the same for all
  std::int32_t segments = 8;  // of the solver and of rules that change over t
  // Tried for each policy, one after the other, the best of each kept for the next.
  std::vector<std::int32_t> dense_first_steps{0, 1, 2, 3, 4};
  std::vector<std::int32_t> dense_last_steps{0, 1, 2};
  std::vector<std::int32_t> dense_first_layers{0, 1, 2};
  // Plans of a policy that are tried on the tuning prompts with what was best: lambdas of the
  // paper's rule, pairs of SVG's widths, single patterns.
  std::int32_t variants = 4;
  bool oracle = true;          // the dynamic oracle, too
  std::filesystem::path out;   // JSON
  std::filesystem::path work;  // kept clips and measurements; beside `out` if not given
};

// What a policy leaves dense. Empty steps: the solver's own choice.
struct DenseParts {
  std::optional<std::int32_t> first_steps;
  std::optional<std::int32_t> last_steps;
  std::int32_t first_layers = 0;
  friend bool operator==(const DenseParts&, const DenseParts&) = default;
};

struct TunedParts {
  DenseParts parts;
  media::ClipQuality quality;  // mean over the tuning prompts
};

inline constexpr std::string_view kOracleName = "dynamic_oracle";

struct PolicyResult {
  std::string policy;
  DenseParts parts;  // the best on the tuning prompts
  double density = 1.0;
  std::vector<TunedParts> tuning;
  std::vector<double> variants;  // mean PSNR of each variant on the tuning prompts
  std::string choice;            // name of the plan
  std::vector<media::ClipQuality>
      quality;  // for each prompt; empty: no plan of the rule at this density
  double psnr_db = 0.0;
  double psnr_db_worst = 0.0;
  double ssim = 0.0;
  // The solver's PSNR minus this policy's, mean over prompts, with its 95 % interval (paired
  // bootstrap). 0 for the solver.
  double behind_db = 0.0;
  double behind_db_low = 0.0;
  double behind_db_high = 0.0;
};

struct PoliciesReport {
  std::vector<PolicyResult> policies;
  PoliciesOptions options;  // with the model's defaults filled in
  std::string model;
  std::string device;
  std::string dtype;
};

// Every clip's quality is kept: a stopped run goes on where it was. Throws Error or Cancelled.
PoliciesReport compare_policies(const PoliciesOptions& options, const JobControl& control);

std::string describe(const PoliciesReport& report);
std::string to_json(const PoliciesReport& report);

}  // namespace twill::jobs
