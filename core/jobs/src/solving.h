// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// From a profile and the steps of a run to a plan.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "session.h"
#include "twill/jobs/plan_figures.h"
#include "twill/jobs/search.h"
#include "twill/plan/profile.h"
#include "twill/search/solved_for.h"

namespace twill::jobs {

struct SamplerRun {
  std::string sampler;  // kOtherSampler where its name is not known
  std::optional<std::string> scheduler = {};
  std::int32_t steps = 0;
  double shift = 0.0;                     // 0: there is none
  std::vector<double> t;                  // of every step
  std::vector<std::int32_t> expert = {};  // [t], or empty: as the profile says
  std::vector<double> weight = {};        // [t], or empty: as t say
};
inline constexpr std::string_view kOtherSampler = "another sampler";
std::vector<search::Forward> forwards_of(const Profile& profile, const SamplerRun& run,
                                         std::optional<double> boundary = {});
// The run that the session's clips are made with.
SamplerRun run_of(const Session& session);
// What is asked for, else what is kept of a plan or profile. t that are kept are the run's, unless
// other steps, another shift or another sampler are asked for. Throws Error(kFile) naming `file`
// when nobody says it; Error(kUsage) for what no run can have, and for other steps of a sampler or
// scheduler whose times are not known here.
SamplerRun sampler_run(const RunOptions& asked, const search::SolvedFor& kept,
                       const std::filesystem::path& file);

// The plan holds the profile and says what it was solved for. Throws Error(kUnsupported) for a
// budget that cannot be met.
search::SolveResult solve_plan(std::shared_ptr<const Profile> profile, const SamplerRun& run,
                               const SolveOptions& options);

// The least budget that told dense steps and layers allow; 0 without any.
double least_budget(const std::shared_ptr<const Profile>& profile, const SamplerRun& run,
                    const SolveOptions& options);

// Whether two plans run the same, whatever they are called.
bool run_the_same(const Plan& a, const Plan& b);

// The policy's own choices, that plan first: one for each lambda of the paper's rule, one for each
// single pattern. At most `most`, no two with the same patterns for all heads.
std::vector<search::SolveResult> solve_plans(std::shared_ptr<const Profile> profile,
                                             const SamplerRun& run, const SolveOptions& options,
                                             std::size_t most);

// "twill cpu 1": of a cost table.
std::string cpu_kernel_name();
// Milliseconds of every candidate for one head of a forward, measured here on random q, k and v.
CostTable measure_costs(const Profile& profile, const std::string& device, const std::string& dtype,
                        int threads, const JobControl& control);

}  // namespace twill::jobs
