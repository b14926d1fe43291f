// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/sampler_times.h"

#include <cmath>
#include <optional>

#include "twill/plan/error.h"
#include "twill/plan/names.h"

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

}  // namespace

SamplerKind sampler_kind(std::string_view name) {
  const std::optional<SamplerKind> found = value_named(kSamplerNames, name);
  require(found.has_value(), ErrorCode::kUsage, "unknown sampler \"", name,
          "\"; known are: ", all_names(kSamplerNames));
  return *found;
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
