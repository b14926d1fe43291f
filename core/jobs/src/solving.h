// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// From a profile and the steps of a run to a plan.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "session.h"
#include "twill/jobs/search.h"
#include "twill/plan/profile.h"
#include "twill/report/sampler_run.h"
#include "twill/search/solver.h"

namespace twill::jobs {

// The run that the session's clips are made with.
report::SamplerRun run_of(const Session& session);
// The plan holds the profile and says what it was solved for. Throws Error(kUnsupported) for a
// budget that cannot be met.
search::SolveResult solve_plan(std::shared_ptr<const Profile> profile,
                               const report::SamplerRun& run, const SolveOptions& options);

// The least budget that told dense steps and layers allow; 0 without any.
double least_budget(const std::shared_ptr<const Profile>& profile, const report::SamplerRun& run,
                    const SolveOptions& options);

// Whether two plans run the same, whatever they are called.
bool run_the_same(const Plan& a, const Plan& b);

// The policy's own choices, that plan first: one for each lambda of the paper's rule, one for each
// single pattern. At most `most`, no two with the same patterns for all heads.
std::vector<search::SolveResult> solve_plans(std::shared_ptr<const Profile> profile,
                                             const report::SamplerRun& run,
                                             const SolveOptions& options, std::size_t most);

}  // namespace twill::jobs
