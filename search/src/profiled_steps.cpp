// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "twill/search/error_model.h"
#include "twill/search/search_run.h"

namespace twill::search {

std::vector<std::int32_t> profiled_steps(const std::vector<double>& step_t, std::int32_t points) {
  const auto steps = static_cast<std::int32_t>(step_t.size());
  const std::int32_t count = std::min(points, steps);
  if (count < 2) {
    return {0};
  }
  const TimeWeight weight = default_time_weight();
  std::vector<double> before;  // weight of the steps up to each one
  for (const double t : step_t) {
    before.push_back((before.empty() ? 0.0 : before.back()) + std::sqrt(weight_at(weight, t)));
  }
  std::vector<std::int32_t> chosen{0};
  for (std::int32_t i = 1; i < count; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(count - 1);
    const double wanted = before.front() + share * (before.back() - before.front());
    const auto found = std::lower_bound(before.begin(), before.end(), wanted - 1e-9);
    // Each step once, and room for those that come.
    chosen.push_back(std::clamp(static_cast<std::int32_t>(found - before.begin()),
                                chosen.back() + 1, steps - count + i));
  }
  return chosen;
}

std::int32_t map_steps(std::int32_t steps) {
  constexpr std::int32_t kMapSteps = 6;
  return std::min(kMapSteps, steps);
}

}  // namespace twill::search
