// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/sampler.h"

#include <algorithm>
#include <cmath>

#include "sampling/uni_pc_weights.h"
#include "twill/plan/error.h"
#include "twill/plan/sampler_times.h"

namespace twill::engine {
namespace {

class OrderedSampler : public Sampler {
 public:
  // t: before each step; the last one ends at `end`.
  OrderedSampler(std::vector<double> t, const Schedule& schedule, double end = 0.0)
      : times_(std::move(t)), schedule_(schedule) {
    times_.push_back(end);
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

// ComfyUI's UniPC ends there, and divides by what inverse_noise_scaling() of a flow has there.
constexpr double kComfyEnd = 0.001;

// x = clip + t noise: how ComfyUI's UniPC sees every model. The clip that the network sees in x is
// the schedule's still.
class AddedNoise final : public Schedule {
 public:
  explicit AddedNoise(const Schedule& schedule) : schedule_(schedule) {}

  double alpha(double) const override { return 1.0; }
  double sigma(double t) const override { return t; }
  double lambda(double t) const override { return -std::log(t); }
  at::Tensor clip(const at::Tensor& x, const at::Tensor& prediction, double t) const override {
    return schedule_.clip(x, prediction, t);
  }
  at::Tensor carry(const at::Tensor& x, const at::Tensor& prediction, double t,
                   double next) const override {
    return schedule_.carry(x, prediction, t, next);
  }

 private:
  const Schedule& schedule_;
};

// Names follow the paper: m is the predicted clip, lambda the schedule's log(alpha / sigma), h the
// step in lambda, r an earlier lambda's distance in units of h, B(h) and rho the weights of
// differences of m.
class UniPc : public OrderedSampler {
 public:
  UniPc(std::vector<double> t, const Schedule& schedule)
      : UniPc(std::move(t), schedule, 0.0, 2, false) {}

 protected:
  // b_is_h: B(h) = h (bh1), else exp(h) - 1 (bh2).
  UniPc(std::vector<double> t, const Schedule& schedule, double end, std::size_t order, bool b_is_h)
      : OrderedSampler(std::move(t), schedule, end), order_(order), b_is_h_(b_is_h) {}

  at::Tensor advance(std::size_t i, const at::Tensor& x, const at::Tensor& prediction) override {
    const at::Tensor m = schedule().clip(x, prediction, time(i));
    last_x_ = i == 0 ? x : correct(i, m);
    m_.insert(m_.begin(), m);
    m_.resize(std::min(m_.size(), order_));
    const Step step = step_from(i);
    at::Tensor next = at::add(last_x_ * step.keep, m, step.b);
    add_differences(next, i, step.differences, uni_pc_predictor(step.r, -step.h, step.b_of_h));
    return next;
  }

 private:
  double lambda(std::size_t i) const { return schedule().lambda(time(i)); }

  // What the predictor and the corrector of the step from `from` to from + 1 share.
  struct Step {
    double keep;         // of x
    double b;            // of m at `from`
    double differences;  // of sums of differences: -alpha * B(h)
    double h;
    double b_of_h;          // B(h) with the sign that it has where the clip is predicted
    std::vector<double> r;  // of the times before `from`, latest first
  };
  Step step_from(std::size_t from) const {
    const double h = lambda(from + 1) - lambda(from);
    const double alpha = schedule().alpha(time(from + 1));
    const double b_of_h = b_is_h_ ? -h : std::expm1(-h);
    Step step{.keep = schedule().sigma(time(from + 1)) / schedule().sigma(time(from)),
              .b = -alpha * std::expm1(-h),
              .differences = -alpha * b_of_h,
              .h = h,
              .b_of_h = b_of_h,
              .r = {}};
    for (std::size_t k = 1; k < order_from(from); ++k) {
      step.r.push_back((lambda(from - k) - lambda(from)) / h);
    }
    return step;
  }
  // The first steps know few m, and the last ones, towards the end where lambda grows without
  // bound, use few.
  std::size_t order_from(std::size_t from) const {
    return std::min({order_, from + 1, steps() - from});
  }

  // x at i once more, now that the network has been asked there.
  at::Tensor correct(std::size_t i, const at::Tensor& m) const {
    const Step step = step_from(i - 1);
    const std::vector<double> rho = uni_pc_corrector(step.r, -step.h, step.b_of_h);
    at::Tensor x = at::add(last_x_ * step.keep, m_.front(), step.b);
    add_differences(x, i - 1, step.differences, rho);
    return x.add_(m - m_.front(), step.differences * rho.back());
  }

  // Adds what differences of m before `from` bring; rho may hold one more.
  void add_differences(at::Tensor& x, std::size_t from, double weight,
                       const std::vector<double>& rho) const {
    const std::vector<double> r = step_from(from).r;
    for (std::size_t k = 0; k < r.size(); ++k) {
      x.add_(m_[k + 1] - m_.front(), weight * rho[k] / r[k]);
    }
  }

  std::vector<at::Tensor> state() const override {
    std::vector<at::Tensor> kept{last_x_};
    kept.insert(kept.end(), m_.begin(), m_.end());
    return kept;
  }
  void restore(std::vector<at::Tensor> state) override {
    last_x_ = state.empty() ? at::Tensor() : state.front();
    m_.clear();
    for (std::size_t i = 1; i < state.size() && i <= order_ && state[i].defined(); ++i) {
      m_.push_back(state[i]);
    }
  }

  std::size_t order_;
  bool b_is_h_;
  at::Tensor last_x_;          // corrected
  std::vector<at::Tensor> m_;  // latest first
};

class ComfyUniPc final : public UniPc {
 public:
  ComfyUniPc(std::vector<double> t, const Schedule& schedule, bool b_is_h)
      : ComfyUniPc(std::make_unique<const AddedNoise>(schedule), std::move(t), b_is_h) {}

 private:
  ComfyUniPc(std::unique_ptr<const AddedNoise> seen, std::vector<double> t, bool b_is_h)
      : UniPc(t, *seen, kComfyEnd, std::clamp<std::size_t>(t.size() - 1, 1, 3), b_is_h),
        seen_(std::move(seen)) {}

  at::Tensor advance(std::size_t i, const at::Tensor& x, const at::Tensor& prediction) override {
    at::Tensor next = UniPc::advance(i, x, prediction);
    return i + 1 == steps() ? next.div_(1.0 - kComfyEnd) : next;
  }

  std::unique_ptr<const AddedNoise> seen_;
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
    case SamplerKind::kComfyUniPc:
      return std::make_unique<ComfyUniPc>(std::move(t), schedule, true);
    case SamplerKind::kComfyUniPcBh2:
      return std::make_unique<ComfyUniPc>(std::move(t), schedule, false);
  }
  TWILL_ASSERT(false);
  return nullptr;
}

}  // namespace twill::engine
