// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/sampler_times.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "twill/plan/error.h"

namespace twill {
namespace {

// u evenly spaced from 1 towards `last`, shifted.
std::vector<double> shifted_times(std::int32_t steps, double shift, double last) {
  std::vector<double> times;
  for (std::int32_t i = 0; i < steps; ++i) {
    const double u = 1.0 + (last - 1.0) * i / steps;
    times.push_back(shift * u / (1.0 + (shift - 1.0) * u));
  }
  return times;
}

std::string known_names() {
  std::string names;
  for (const auto& [kind, name] : kSamplerNames) {
    names += concat(names.empty() ? "" : ", ", name);
  }
  return names;
}

}  // namespace

SamplerKind sampler_kind(std::string_view name) {
  const auto* found = std::find_if(kSamplerNames.begin(), kSamplerNames.end(),
                                   [&](const auto& entry) { return entry.second == name; });
  require(found != kSamplerNames.end(), ErrorCode::kUsage, "unknown sampler \"", name,
          "\"; known are: ", known_names());
  return found->first;
}

std::vector<double> sampler_t(std::string_view name, std::int32_t steps, double shift) {
  const SamplerKind kind = sampler_kind(name);
  require(steps >= 1, ErrorCode::kUsage, "steps ", steps, " is below 1");
  require(shift > 0.0 && std::isfinite(shift), ErrorCode::kUsage, "shift ", shift,
          " is not a number above 0");
  std::vector<double> times =
      shifted_times(steps, shift, kind == SamplerKind::kEuler ? 0.0 : 0.001);
  if (kind == SamplerKind::kUniPc) {
    times[0] -= 1e-6;
  }
  return times;
}

}  // namespace twill
