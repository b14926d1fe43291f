// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Closing the loop: clips of the search prompts say what a plan is worth, and the budget moves
// until a wish holds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "kept_quality.h"
#include "session.h"
#include "twill/jobs/search.h"
#include "twill/plan/profile.h"
#include "twill/search/solver.h"

namespace twill::jobs {

struct LoopResult {
  search::SolveResult solved;
  std::vector<report::TargetTry> tries;  // in the order of the work
  std::vector<report::PredictedMeasured> probes;
};

// Finds the cheapest plan whose clips reach target.min_psnr_db, or the best one that reaches
// target.min_speedup. Every try is kept below `work`: a stopped loop goes on where it was and ends
// with the same plan. Throws Error(kUsage) when target.most_tries do not reach the wish, saying how
// near they came.
LoopResult close_the_loop(const Session& session, std::shared_ptr<const Profile> profile,
                          const SearchOptions& options, const std::vector<EncodedPrompt>& prompts,
                          const std::filesystem::path& work);

}  // namespace twill::jobs
