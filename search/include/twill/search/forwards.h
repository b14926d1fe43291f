// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The forwards of a run: at which t each stands, which expert it runs, how much it counts.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "twill/plan/experts.h"
#include "twill/plan/profile.h"

namespace twill::search {

// One forward of a run.
struct Forward {
  double t = 0.0;  // timestep over its training range
  std::int32_t expert = 0;
  double weight = 1.0;  // times w(t)
  friend bool operator==(const Forward&, const Forward&) = default;
};

// Forwards that all run the first expert. Throws Error(kUsage) for a t outside 0..1, as all here
// do.
std::vector<Forward> forwards_at(const std::vector<double>& t);

// Forwards of a sampler's run, t descending, equal ones (branches of the guidance) together. A step
// of length dt turns an error of the velocity into dt times that error of the latents, so its
// square counts dt^2, scaled to a mean of 1 over the run. expert_at: of each, empty for all 0.
// Throws Error(kUsage) when it has another size.
std::vector<Forward> forwards_of_run(const std::vector<double>& t,
                                     const std::vector<std::int32_t>& expert_at = {});

// With the expert that the profile's model runs at each t. boundary: comes before the profile's.
// Throws Error(kUsage) for a model with two experts when neither says where the second begins, and
// for one with more.
std::vector<Forward> forwards_of_run(const Profile& profile, const std::vector<double>& t,
                                     std::optional<double> boundary = {});

}  // namespace twill::search
