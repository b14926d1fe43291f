// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What the comparison of policies found: rows, what factors bring, as text and as JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "twill/media/video_metrics.h"
#include "twill/report/measured_with.h"
#include "twill/report/statistics.h"

namespace twill::report {

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
  std::optional<double> clip_error;         // of a plan, by the profile: search::Ledger::clip_error
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
  // (crossed_interval). 0 for the solver.
  double behind_db = 0.0;
  Interval behind_db_95;
};

// What one factor brings: the PSNR of a row minus that of another.
struct PolicyContrast {
  std::string factor, row, than;
  double brings_db = 0.0;
  Interval brings_db_95;
};

// A row minus another that differs in one factor alone.
struct ContrastRows {
  std::string_view factor, row, than;
};

struct PoliciesReport {
  std::vector<PolicyResult> policies;  // the solver first
  std::vector<PolicyContrast> contrasts;
  double density = 0.0;       // that all rows were given
  std::int32_t segments = 0;  // that the solver might have
  std::int32_t settings = 0;  // that each row might try
  std::uint64_t seed = 0;     // of the first prompt
  std::uint64_t tuning_seed = 0;
  std::vector<std::string> prompts, tuning_prompts;
  std::vector<std::string> profile_hashes;
  MeasuredWith with;
};

// Fills in what PolicyResult holds beside its runs, and the contrasts of rows that were both
// measured. Differences are taken profile by profile and prompt by prompt: a clip that is hard for
// all says nothing of a rule. A row of a density of its own is compared with solver_there.
void add_sums(PoliciesReport& report, std::span<const ContrastRows> contrasts);

std::string describe(const PoliciesReport& report);
std::string to_json(const PoliciesReport& report);

}  // namespace twill::report
