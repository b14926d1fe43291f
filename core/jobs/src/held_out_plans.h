// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Plans that a check of the prediction makes clips with, and what it concludes from the clips.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "twill/jobs/prediction.h"
#include "twill/plan/profile.h"
#include "twill/report/sampler_run.h"
#include "twill/search/ledger.h"
#include "twill/search/solver.h"

namespace twill::jobs {

struct HeldOut {
  std::string name;
  search::Policy policy = search::Policy::kSolver;
  search::SolveResult solved;
};

// Those that PredictionOptions::densities lists, no two that run the same. What a rule does not
// reach is left out.
std::vector<HeldOut> held_out_plans(const std::shared_ptr<const Profile>& profile,
                                    const report::SamplerRun& run, const TokenLayout& layout,
                                    const PredictionOptions& options);

// The plans with predicted and measured errors, and all that report::add_sums() makes of them.
// psnr_db: [plan][prompt] of clips against the dense ones.
void add_outcome(report::PredictionReport& report, const std::vector<HeldOut>& plans,
                 const search::Ledger& ledger, const std::vector<std::vector<double>>& psnr_db,
                 bool terms);

}  // namespace twill::jobs
