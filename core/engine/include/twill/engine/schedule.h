// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// How clip and noise are mixed at t, x = alpha(t) clip + sigma(t) noise, and what a network's
// prediction says of the two. Samplers step through it and know no formula of their own.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "twill/plan/model_families.h"

namespace twill::engine {

class Schedule {
 public:
  virtual ~Schedule() = default;

  virtual double alpha(double t) const = 0;
  virtual double sigma(double t) const = 0;
  // log(alpha / sigma); infinite where sigma is 0.
  virtual double lambda(double t) const = 0;
  // The clip that the prediction sees in x at t.
  virtual at::Tensor clip(const at::Tensor& x, const at::Tensor& prediction, double t) const = 0;
  // x at `next` when clip and noise stay those that the prediction sees at t: Euler's step along a
  // flow, DDIM's where v is predicted.
  virtual at::Tensor carry(const at::Tensor& x, const at::Tensor& prediction, double t,
                           double next) const = 0;
};

// Rectified flow: x = (1 - t) clip + t noise, whose velocity (noise - clip) the network predicts.
std::unique_ptr<const Schedule> make_flow();
// For networks that predict so. Throws Error(kUnsupported) where the engine has none.
std::unique_ptr<const Schedule> make_schedule(Prediction prediction);

}  // namespace twill::engine
