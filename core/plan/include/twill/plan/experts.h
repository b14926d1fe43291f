// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Which expert of a model runs a forward: always one, never a mean of them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "twill/plan/plan.h"

namespace twill {

// Field of a plan or profile that holds expert_boundary(), and the key in the provenance of those
// without typed facts.
inline constexpr const char* kExpertBoundaryKey = "expert_boundary";
// The t below which the second of two experts runs (Wan 2.2), as far as the profile keeps it, or
// the plan, or the profile that it was solved from. Throws Error(kFile) when what is kept is no
// number within 0..1.
std::optional<double> expert_boundary(const Profile& profile);
std::optional<double> expert_boundary(const Plan& plan);

// The expert of a forward at each t: 0 where there is one, of two the second below the boundary;
// `boundary` comes before the profile's own. Throws Error(kUsage) for two experts without a
// boundary, and for more than two.
std::vector<std::int32_t> experts_at(const Plan& plan, const std::vector<double>& t);
std::vector<std::int32_t> experts_at(const Profile& profile, const std::vector<double>& t,
                                     std::optional<double> boundary = {});
// The experts that forwards at t in (t_begin, t_end) run, ascending; all of them where the plan
// does not say which.
std::vector<std::int32_t> experts_within(const Plan& plan, double t_begin, double t_end);

}  // namespace twill
