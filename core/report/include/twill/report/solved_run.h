// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The run that a plan was solved for, or its profile was measured in, as far as they tell
// (twill/search/solved_for.h): what a plan's density and predicted error are sums over.
#pragma once

#include <string>
#include <vector>

#include "twill/plan/profile.h"
#include "twill/search/solver.h"

namespace twill::report {

struct SolvedRun {
  std::vector<search::Forward> forwards;  // t descending
  TokenLayout layout;
  TimeWeight weight;
  std::string description;  // "20 steps of euler, shift 3, 13x16x16 tokens"
};

// The t that the profile tells; else of its steps, shift and sampler; where those are missing or of
// a sampler that is not ours, one forward at each t of the profile. Throws Error(kFile) when what
// is there cannot be read.
SolvedRun solved_run(const Profile& profile);
// What the plan itself says comes first. The plan must hold its profile.
SolvedRun solved_run(const Plan& plan);

}  // namespace twill::report
