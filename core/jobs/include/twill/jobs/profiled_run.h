// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The run that a profile was measured in, as far as its provenance tells: what a plan's density and
// predicted error are sums over.
#pragma once

#include <string>
#include <vector>

#include "twill/plan/profile.h"
#include "twill/search/solver.h"

namespace twill::jobs {

struct ProfiledRun {
  std::vector<search::Forward> forwards;  // t descending
  search::TimeWeight weight;
  std::string description;  // "20 steps of euler, shift 3, 13x16x16 tokens"
};

// Steps, shift and sampler of the profile's provenance; where they are missing, one forward at each
// t of the profile. Throws Error(kFile) when what is there cannot be read.
ProfiledRun profiled_run(const Profile& profile);

}  // namespace twill::jobs
