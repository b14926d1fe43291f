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

// As search's of the same names.
search::SolveResult solve_plan(std::shared_ptr<const Profile> profile,
                               const report::SamplerRun& run, const SolveOptions& options);

using search::run_the_same;

std::vector<search::SolveResult> solve_plans(std::shared_ptr<const Profile> profile,
                                             const report::SamplerRun& run,
                                             const SolveOptions& options, std::size_t most);

}  // namespace twill::jobs
