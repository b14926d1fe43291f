// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The forwards of a run: at which t each stands, which expert it runs, how much it counts.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "twill/plan/profile.h"

namespace twill::search {

// One forward of a run.
struct Forward {
  double t = 0.0;  // timestep over its training range
  std::int32_t expert = 0;
  double weight = 1.0;  // times w(t)
  friend bool operator==(const Forward&, const Forward&) = default;
};

std::vector<Forward> forwards_at(const std::vector<double>& t);

// Of a sampler's run, t descending, equal ones (branches of the guidance) together: a step of
// length dt turns an error of the velocity into dt times that error of the latents, so its square
// counts dt^2, scaled to a mean of 1 over the run. expert_at: of each, empty for all 0. Throws
// Error(kUsage) when it has another size.
std::vector<Forward> forwards_of_run(const std::vector<double>& t,
                                     const std::vector<std::int32_t>& expert_at = {});

// Key of a profile's provenance under which it keeps expert_boundary().
inline constexpr const char* kExpertBoundaryKey = "expert_boundary";
// The t below which the second of two experts runs (Wan 2.2), as far as the profile keeps it.
// Throws Error(kFile) when what it keeps is no number within 0..1.
std::optional<double> expert_boundary(const Profile& profile);

// With the expert that the profile's model runs at each t. boundary: comes before the profile's.
// Throws Error(kUsage) for a model with two experts when neither says where the second begins, and
// for one with more.
std::vector<Forward> forwards_of_run(const Profile& profile, const std::vector<double>& t,
                                     std::optional<double> boundary = {});

}  // namespace twill::search
