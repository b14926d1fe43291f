// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Walks from noise to a clip along the flow x = (1 - t) * clip + t * noise, whose velocity
// (noise - clip) the network gives.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace twill::engine {

// The steps of one clip: a sampler may remember earlier velocities, so each clip needs its own.
class Sampler {
 public:
  virtual ~Sampler() = default;
  // t before each step, descending: [steps], 1 = noise. The network's timestep is 1000 * t.
  virtual std::vector<double> t() const = 0;
  // x and velocity at t()[i], of one shape, device and floating dtype: x at t()[i + 1], at 0 after
  // the last step. i counts 0, 1, 2, ...; anything else is a bug of the caller.
  virtual at::Tensor step(std::size_t i, const at::Tensor& x, const at::Tensor& velocity) = 0;
};

// By a name of kSamplerNames, through the times of sampler_t() (twill/plan/sampler_times.h).
// "unipc": the predictor and corrector of order 2 with B(h) = exp(h) - 1 of
// https://arxiv.org/abs/2302.04867, predicting the clip. (diffusers also cuts the timestep that the
// network sees to a whole number; here it is exact.) Throws Error(kUsage) as sampler_t().
std::unique_ptr<Sampler> make_sampler(std::string_view name, std::int32_t steps, double shift);
// Euler steps through times of one's own, descending within (0, 1], and from the last to 0. Throws
// Error(kUsage).
std::unique_ptr<Sampler> make_euler(std::vector<double> t);

}  // namespace twill::engine
