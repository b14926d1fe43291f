// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/noise.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include "twill/plan/error.h"

namespace twill::engine {

at::Tensor make_noise(at::IntArrayRef shape, std::uint64_t seed) {
  for (const std::int64_t size : shape) {
    require(size > 0, ErrorCode::kUsage, "noise of shape ", shape, " has no values");
  }
  // Not the default generator: others draw from that one.
  return at::randn(shape, at::make_generator<at::CPUGeneratorImpl>(seed), at::kFloat);
}

}  // namespace twill::engine
