// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/sampler.h"

#include <cmath>

#include "twill/plan/error.h"
#include "twill/plan/sampler_times.h"

namespace twill::engine {
namespace {

class OrderedSampler : public Sampler {
 public:
  // t: before each step; the last one ends at 0.
  OrderedSampler(std::vector<double> t, const Schedule& schedule)
      : times_(std::move(t)), schedule_(schedule) {
    times_.push_back(0.0);
  }

  std::vector<double> t() const final { return {times_.begin(), times_.end() - 1}; }

  at::Tensor step(std::size_t i, const at::Tensor& x, const at::Tensor& prediction) final {
    TWILL_ASSERT(i == next_ && i < steps());
    TWILL_ASSERT(x.sizes() == prediction.sizes() && x.scalar_type() == prediction.scalar_type());
    ++next_;
    return advance(i, x, prediction);
  }

  void resume(std::size_t next, std::vector<at::Tensor> state) final {
    require(next <= steps(), ErrorCode::kUsage, "step ", next, " of ", steps(),
            " cannot be gone on with");
    next_ = next;
    restore(std::move(state));
  }

 protected:
  virtual void restore(std::vector<at::Tensor> /*state*/) {}
  virtual at::Tensor advance(std::size_t i, const at::Tensor& x, const at::Tensor& prediction) = 0;
  double time(std::size_t i) const { return times_[i]; }
  std::size_t steps() const { return times_.size() - 1; }
  const Schedule& schedule() const { return schedule_; }

 private:
  std::vector<double> times_;
  const Schedule& schedule_;
  std::size_t next_ = 0;
};

class Euler final : public OrderedSampler {
 public:
  using OrderedSampler::OrderedSampler;

 private:
  at::Tensor advance(std::size_t i, const at::Tensor& x, const at::Tensor& prediction) override {
    return schedule().carry(x, prediction, time(i), time(i + 1));
  }
};

// Names follow the paper: m is the predicted clip, lambda the schedule's log(alpha / sigma), h the
// step in lambda, r an earlier lambda's distance in units of h.
class UniPc final : public OrderedSampler {
 public:
  using OrderedSampler::OrderedSampler;

 private:
  double lambda(std::size_t i) const { return schedule().lambda(time(i)); }

  // What the predictor and the corrector of the step from `from` to from + 1 share.
  struct Step {
    double keep;  // of x
    double b;     // -alpha * B(h), of the other terms; of m at `from`, too
    double h;
  };
  Step step_from(std::size_t from) const {
    const double h = lambda(from + 1) - lambda(from);
    return {.keep = schedule().sigma(time(from + 1)) / schedule().sigma(time(from)),
            .b = -schedule().alpha(time(from + 1)) * std::expm1(-h),
            .h = h};
  }
  double r(std::size_t from) const {
    return (lambda(from - 1) - lambda(from)) / (lambda(from + 1) - lambda(from));
  }
  // The first step knows one m; the last, to t = 0 where lambda is infinite, uses one.
  int order_from(std::size_t from) const { return from == 0 || from + 1 == steps() ? 1 : 2; }

  // x at i once more, now that the network has been asked there.
  at::Tensor correct(std::size_t i, const at::Tensor& m) const {
    const Step step = step_from(i - 1);
    at::Tensor x = at::add(last_x_ * step.keep, last_m_, step.b);
    const at::Tensor change = m - last_m_;
    if (order_from(i - 1) == 1) {
      return x.add_(change, 0.5 * step.b);
    }
    // rho solves rho_0 r^k + rho_1 = k! (k + 1) phi_(k+2)(-h) h / B(h), k = 0, 1.
    const double phi_1 = std::expm1(-step.h);
    const double phi_2 = phi_1 / -step.h - 1.0;
    const double phi_3 = phi_2 / -step.h - 0.5;
    const double r_0 = r(i - 1);
    const double rho_0 = (phi_2 - 2.0 * phi_3) / phi_1 / (1.0 - r_0);
    const double rho_1 = phi_2 / phi_1 - rho_0;
    x.add_(before_last_m_ - last_m_, step.b * rho_0 / r_0);
    return x.add_(change, step.b * rho_1);
  }

  at::Tensor advance(std::size_t i, const at::Tensor& x, const at::Tensor& prediction) override {
    const at::Tensor m = schedule().clip(x, prediction, time(i));
    last_x_ = i == 0 ? x : correct(i, m);
    before_last_m_ = last_m_;
    last_m_ = m;
    const Step step = step_from(i);
    at::Tensor next = at::add(last_x_ * step.keep, m, step.b);
    if (order_from(i) == 2) {
      next.add_(before_last_m_ - m, 0.5 * step.b / r(i));
    }
    return next;
  }

  std::vector<at::Tensor> state() const override { return {last_x_, last_m_, before_last_m_}; }
  void restore(std::vector<at::Tensor> state) override {
    state.resize(3);
    last_x_ = std::move(state[0]);
    last_m_ = std::move(state[1]);
    before_last_m_ = std::move(state[2]);
  }

  at::Tensor last_x_;  // corrected
  at::Tensor last_m_;
  at::Tensor before_last_m_;
};

void check_times(const std::vector<double>& t) {
  for (std::size_t i = 0; i < t.size(); ++i) {
    require(t[i] > 0.0 && t[i] <= 1.0 && (i == 0 || t[i] < t[i - 1]), ErrorCode::kUsage, "t ", t[i],
            " of step ", i, ": times descend within (0, 1]");
  }
  require(!t.empty(), ErrorCode::kUsage, "no times to step through");
}

}  // namespace

std::unique_ptr<Sampler> make_sampler(std::string_view name, std::vector<double> t,
                                      const Schedule& schedule) {
  check_times(t);
  switch (sampler_kind(name)) {
    case SamplerKind::kEuler:
      return std::make_unique<Euler>(std::move(t), schedule);
    case SamplerKind::kUniPc:
      return std::make_unique<UniPc>(std::move(t), schedule);
  }
  TWILL_ASSERT(false);
  return nullptr;
}

}  // namespace twill::engine
