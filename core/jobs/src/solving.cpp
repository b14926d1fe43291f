// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "solving.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

RunFacts facts_of(const report::SamplerRun& run) {
  return {
      .t = run.t,
      .expert = run.expert,
      .weight = run.weight,
      .sampler = run.sampler == report::kOtherSampler ? std::nullopt : std::optional(run.sampler),
      .scheduler = run.scheduler,
      .shift = run.shift > 0.0 ? std::optional(run.shift) : std::nullopt,
      .steps = run.steps};
}

}  // namespace

report::SamplerRun run_of(const Session& session) {
  return {.sampler = *session.clip().sampler,
          .steps = *session.clip().steps,
          .shift = *session.clip().shift,
          .t = session.step_t()};
}

search::SolveResult solve_plan(std::shared_ptr<const Profile> profile,
                               const report::SamplerRun& run, const SolveOptions& options) {
  return search::solve_plan(std::move(profile), facts_of(run), options);
}

std::vector<search::SolveResult> solve_plans(std::shared_ptr<const Profile> profile,
                                             const report::SamplerRun& run,
                                             const SolveOptions& options, std::size_t most) {
  return search::solve_plans(std::move(profile), facts_of(run), options, most);
}

}  // namespace twill::jobs
