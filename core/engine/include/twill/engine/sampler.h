// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Walks from noise to a clip through the times of a run, by the predictions of a network.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "twill/engine/schedule.h"

namespace twill::engine {

// The steps of one clip: a sampler may remember earlier predictions, so each clip needs its own.
class Sampler {
 public:
  virtual ~Sampler() = default;
  // t before each step, descending: [steps], 1 = noise.
  virtual std::vector<double> t() const = 0;
  // x and prediction at t()[i], of one shape, device and floating dtype: x at t()[i + 1], the clip
  // after the last step. i counts 0, 1, 2, ...; anything else is a bug of the caller.
  virtual at::Tensor step(std::size_t i, const at::Tensor& x, const at::Tensor& prediction) = 0;
  // What it remembers of the steps so far; a tensor may be undefined.
  virtual std::vector<at::Tensor> state() const { return {}; }
  // A new sampler goes on as the one whose state() that was, with step(next, ...); none is left
  // where that is their number. Throws Error(kUsage) where it is greater.
  virtual void resume(std::size_t next, std::vector<at::Tensor> state) = 0;
};

// By a name of kSamplerNames, through times such as those of sampler_t()
// (twill/plan/sampler_times.h), from the last to the clip. `schedule` outlives the sampler.
// "unipc": the predictor and corrector of order 2 with B(h) = exp(h) - 1 of
// https://arxiv.org/abs/2302.04867, predicting the clip. (diffusers also cuts the timestep that the
// network sees to a whole number; here it is exact.)
// "uni_pc", "uni_pc_bh2": ComfyUI's of a flow, of order 3, with B(h) = h and exp(h) - 1. They see
// the flow as a clip with noise t added, and end at t = 0.001, as ComfyUI's do: a thousandth of the
// noise stays in the clip.
// Throws Error(kUsage): an unknown name, or times that do not descend within (0, 1].
std::unique_ptr<Sampler> make_sampler(std::string_view name, std::vector<double> t,
                                      const Schedule& schedule);

}  // namespace twill::engine
