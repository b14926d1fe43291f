// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/sampler_times.h"

#include <cmath>
#include <optional>

#include "twill/plan/error.h"
#include "twill/plan/names.h"

namespace twill {
namespace {

constexpr std::int32_t kThousand = 1000;

// From 1 to 0 in `count` even steps: before step i, rounded up to thousandths. The product is
// ComfyUI's, whose rounding decides which thousandth it is; of more steps none would be left for
// some.
double in_thousandths(std::int32_t i, std::int32_t count) {
  if (count > kThousand || kThousand % count == 0) {
    return 1.0 + -1.0 * i / count;
  }
  const auto thousandths = static_cast<std::int32_t>(i * (static_cast<double>(kThousand) / count));
  return static_cast<double>(kThousand - thousandths) / kThousand;
}

double unshifted(SamplerKind kind, std::int32_t i, std::int32_t steps) {
  switch (kind) {
    case SamplerKind::kUniPc:
      return 1.0 + (0.001 - 1.0) * i / steps;
    case SamplerKind::kEuler:
      return in_thousandths(i, steps);
    case SamplerKind::kComfyUniPc:
    case SamplerKind::kComfyUniPcBh2:
      return in_thousandths(i, steps + 1);
  }
  TWILL_ASSERT(false);
  return 0.0;
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
  std::vector<double> times;
  for (std::int32_t i = 0; i < steps; ++i) {
    const double u = unshifted(kind, i, steps);
    times.push_back(shift * u / (1.0 + (shift - 1.0) * u));
  }
  if (kind == SamplerKind::kUniPc) {
    times[0] -= 1e-6;
  }
  return times;
}

}  // namespace twill
