// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// From a profile and the steps of a run to a plan.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "twill/jobs/search.h"
#include "twill/plan/profile.h"

namespace twill::jobs {

// Keys of a profile's provenance under which it remembers the run that it was measured in.
inline constexpr const char* kStepsKey = "steps";
inline constexpr const char* kShiftKey = "shift";
inline constexpr const char* kSamplerKey = "sampler";

// `step_t`: t of every step of the run. The plan holds the profile and says what it was solved for.
// Throws Error(kUsage) for a budget that cannot be met.
search::SolveResult solve_plan(std::shared_ptr<const Profile> profile,
                               const std::vector<double>& step_t, const SolveOptions& options);

// Whether two plans run the same, whatever they are called.
bool run_the_same(const Plan& a, const Plan& b);

// The policy's own choices, that plan first: one for each lambda of the paper's rule, one for each
// single pattern. At most `most`, no two with the same patterns for all heads.
std::vector<search::SolveResult> solve_plans(std::shared_ptr<const Profile> profile,
                                             const std::vector<double>& step_t,
                                             const SolveOptions& options, std::size_t most);

// "twill cpu 1": of a cost table.
std::string cpu_kernel_name();
// Milliseconds of every candidate for one head of a forward, measured here on random q, k and v.
CostTable measure_costs(const Profile& profile, const std::string& device, const std::string& dtype,
                        int threads, const JobControl& control);

}  // namespace twill::jobs
