// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/report/solved_run.h"

#include <algorithm>

#include "twill/plan/error.h"
#include "twill/plan/sampler_times.h"
#include "twill/report/clip_settings.h"
#include "twill/report/plan_figures.h"
#include "twill/search/calibration.h"
#include "twill/search/solved_for.h"

namespace twill::report {
namespace {

std::string grid_text(const TokenLayout& layout) {
  return concat(layout.frames, "x", layout.rows, "x", layout.cols, " tokens");
}

SolvedRun run_from(const Profile& profile, const search::SolvedFor& kept) {
  SolvedRun run{.layout = solved_layout(profile, kept), .weight = search::time_weight_of(profile)};
  const std::string sampler = kept.sampler.value_or(kept.t.empty() ? "euler" : "another sampler");
  const bool ours = std::ranges::count(sampler_names(), sampler) > 0;
  const auto describe = [&](std::size_t steps) {
    return concat(steps, " steps of ", sampler, kept.shift ? concat(", shift ", *kept.shift) : "",
                  ", ", grid_text(run.layout));
  };
  if (!kept.t.empty()) {
    run.forwards = search::forwards_of_run(profile, kept);
    run.description = describe(kept.t.size());
  } else if (kept.steps && kept.shift && ours) {
    run.forwards = search::forwards_of_run(profile, sampler_t(sampler, *kept.steps, *kept.shift));
    run.description = describe(static_cast<std::size_t>(*kept.steps));
  } else {
    run.forwards = search::forwards_of_run(profile, profile.t);
    run.description =
        concat("one forward at each of ", profile.t.size(), " profiled t, ", grid_text(run.layout));
  }
  return run;
}

}  // namespace

SolvedRun solved_run(const Profile& profile) {
  return run_from(profile, search::solved_for(profile));
}

SolvedRun solved_run(const Plan& plan) {
  TWILL_ASSERT(plan.profile != nullptr);
  return run_from(*plan.profile, search::solved_for(plan));
}

}  // namespace twill::report
