// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Job: plans by our solver and by the rules of others at equal density, factor by factor (what
// error a rule counts, the rule, how many tables), the published settings of others, and dynamic
// oracles.
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
#include "twill/report/statistics.h"

namespace twill::jobs {

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
  ReportFacts facts;           // that the report tells
  std::filesystem::path out;   // JSON
  std::filesystem::path work;  // kept clips and measurements; beside `out` if not given
};

// The rows in their order.
std::vector<std::string> policy_row_names();

// What a plan leaves dense. Empty steps: the solver's own choice.
struct DenseParts {
  std::optional<std::int32_t> first_steps;
  std::optional<std::int32_t> last_steps;
  std::int32_t first_layers = 0;
  friend bool operator==(const DenseParts&, const DenseParts&) = default;
};

struct TunedSetting {
  DenseParts parts;
  std::int32_t variant = 0;  // plans of a rule, its own choice first
  friend bool operator==(const TunedSetting&, const TunedSetting&) = default;
};

struct Tuned {
  struct Try {
    TunedSetting setting;
    double psnr_db = 0.0;  // mean over the tuning prompts
  };
  std::vector<Try> tried;
  std::size_t best = 0;  // of the tries
  bool inside = false;   // every neighbour of the best with told steps was tried
};

// One row from one profile.
struct PolicyRun {
  Tuned tuned;           // no tries: nothing is tuned
  std::string plan;      // its name
  double density = 1.0;  // mean over the prompts where it depends on them
  std::optional<double> lambda, epsilon, top_p;
  std::vector<media::ClipQuality> quality;  // [prompts]; empty: no plan at this density
  // By the solver at the density of this row, where that is another one than the solver's.
  std::vector<media::ClipQuality> solver_there;
};

struct PolicyResult {
  std::string row;
  std::vector<PolicyRun> runs;  // [profiles]
  bool measured() const { return !runs.empty() && !runs.front().quality.empty(); }
  double density = 1.0;  // means over runs and prompts
  double psnr_db = 0.0;
  double psnr_db_worst = 0.0;
  double ssim = 0.0;
  // The solver's PSNR minus this row's at equal density, with its 95 % interval
  // (report::crossed_interval). 0 for the solver.
  double behind_db = 0.0;
  report::Interval behind_db_95;
};

// What one factor brings: the PSNR of a row minus that of another.
struct PolicyContrast {
  std::string factor, row, than;
  double brings_db = 0.0;
  report::Interval brings_db_95;
};

struct PoliciesReport {
  std::vector<PolicyResult> policies;  // the solver first
  std::vector<PolicyContrast> contrasts;
  PoliciesOptions options;  // with the model's defaults filled in
  std::vector<std::string> profile_hashes;
  std::string model;
  std::string device;
  std::string dtype;
};

// Every clip's quality is kept: a stopped run goes on where it was, and several processes may share
// the work folder. Throws Error or Cancelled.
PoliciesReport compare_policies(const PoliciesOptions& options, const JobControl& control);

std::string describe(const PoliciesReport& report);
std::string to_json(const PoliciesReport& report);

}  // namespace twill::jobs
