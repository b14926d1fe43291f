// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <ATen/ATen.h>

#include <cmath>

#include "twill/engine/schedule.h"
#include "twill/plan/error.h"

namespace twill::engine {
namespace {

class Flow final : public Schedule {
 public:
  double alpha(double t) const override { return 1.0 - t; }
  double sigma(double t) const override { return t; }
  double lambda(double t) const override { return std::log1p(-t) - std::log(t); }
  at::Tensor clip(const at::Tensor& x, const at::Tensor& velocity, double t) const override {
    return at::sub(x, velocity, t);
  }
  at::Tensor carry(const at::Tensor& x, const at::Tensor& velocity, double t,
                   double next) const override {
    return at::add(x, velocity, next - t);
  }
};

}  // namespace

std::unique_ptr<const Schedule> make_flow() { return std::make_unique<const Flow>(); }

std::unique_ptr<const Schedule> make_schedule(Prediction prediction) {
  require(prediction == Prediction::kFlow, ErrorCode::kUnsupported,
          "the engine has no schedule for networks that predict ",
          kPredictionNames[static_cast<std::size_t>(prediction)].second);
  return make_flow();
}

}  // namespace twill::engine
