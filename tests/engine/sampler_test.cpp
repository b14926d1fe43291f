// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/sampler.h"

#include <cmath>
#include <limits>
#include <ostream>
#include <stdexcept>
#include <string>

#include "engine_support.h"
#include "twill/plan/sampler_times.h"

namespace twill::engine {
namespace {

const Schedule& flow_schedule() {
  static const std::unique_ptr<const Schedule> flow = make_flow();
  return *flow;
}

std::unique_ptr<Sampler> flow_sampler(std::string_view name, std::int32_t steps, double shift) {
  return make_sampler(name, sampler_t(name, steps, shift), flow_schedule());
}

struct Case {
  const char* why;
  std::string_view name;
  std::int32_t steps;
  double shift;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.why; }

class EverySampler : public ::testing::TestWithParam<Case> {};

TEST_P(EverySampler, TimesFallFromNoiseTowardsTheClip) {
  const Case& c = GetParam();
  const std::vector<double> t = flow_sampler(c.name, c.steps, c.shift)->t();
  ASSERT_EQ(t.size(), static_cast<std::size_t>(c.steps));
  // unipc keeps 1e-6 from 1.
  EXPECT_DOUBLE_EQ(t[0], c.name == "unipc" ? 1.0 - 1e-6 : 1.0);
  for (std::size_t i = 1; i < t.size(); ++i) {
    EXPECT_LT(t[i], t[i - 1]);
    EXPECT_GT(t[i], 0.0);
  }
}

// Where the network knows the clip, every step stays on the straight flow and the last ends there:
// true of any consistent sampler, whatever its order.
TEST_P(EverySampler, KnownClipIsReachedAlongTheFlow) {
  const Case& c = GetParam();
  const at::Tensor clip = at::linspace(-2.0, 2.0, 24, at::kDouble).view({1, 2, 3, 4});
  const at::Tensor noise = at::cos(at::arange(24, at::kDouble) * 5.0).view_as(clip);
  const auto sampler = flow_sampler(c.name, c.steps, c.shift);
  std::vector<double> t = sampler->t();
  const bool of_comfyui = c.name.starts_with("uni_pc");
  t.push_back(of_comfyui ? 0.001 : 0.0);
  at::Tensor x = (1.0 - t[0]) * clip + t[0] * noise;
  for (std::size_t i = 0; i + 1 < t.size(); ++i) {
    x = sampler->step(i, x, noise - clip);
    if (of_comfyui && i + 2 == t.size()) {
      x.mul_(1.0 - 0.001);  // it divides by that
    }
    // alpha = 1 - t of the first t has no more than 1e-16 / 1e-6 of its digits.
    const double allowed = 1e-9 * static_cast<double>(i + 1);
    EXPECT_LE(((1.0 - t[i + 1]) * clip + t[i + 1] * noise - x).abs().max().item<double>(), allowed)
        << "step " << i;
  }
}

TEST_P(EverySampler, StepsOutOfOrderAreABug) {
  const Case& c = GetParam();
  const auto sampler = flow_sampler(c.name, c.steps, c.shift);
  const at::Tensor x = at::ones({2});
  EXPECT_THROW(sampler->step(1, x, x), std::logic_error);
  sampler->step(0, x, x);
  EXPECT_THROW(sampler->step(0, x, x), std::logic_error);
  for (std::size_t i = 1; i < static_cast<std::size_t>(c.steps); ++i) {
    sampler->step(i, x, x);
  }
  EXPECT_THROW(sampler->step(static_cast<std::size_t>(c.steps), x, x), std::logic_error);
}

INSTANTIATE_TEST_SUITE_P(
    Samplers, EverySampler,
    ::testing::Values(Case{"euler_one_step", "euler", 1, 3.0}, Case{"euler_demo", "euler", 20, 3.0},
                      Case{"euler_no_shift", "euler", 7, 1.0},
                      Case{"euler_most_steps", "euler", 1000, 8.0},
                      Case{"uni_pc_one_step", "uni_pc", 1, 3.0},
                      Case{"uni_pc_two_steps_of_order_one", "uni_pc", 2, 3.0},
                      Case{"uni_pc_three_steps_of_order_two", "uni_pc", 3, 3.0},
                      Case{"uni_pc_wan_in_comfyui", "uni_pc", 30, 8.0},
                      Case{"uni_pc_most_steps", "uni_pc", 1000, 8.0},
                      Case{"uni_pc_bh2_five_steps", "uni_pc_bh2", 5, 5.0},
                      Case{"unipc_one_step_is_first_and_last", "unipc", 1, 3.0},
                      Case{"unipc_two_steps_never_order_two", "unipc", 2, 3.0},
                      Case{"unipc_three_steps", "unipc", 3, 5.0},
                      Case{"unipc_wan", "unipc", 50, 5.0},
                      Case{"unipc_shift_below_one", "unipc", 10, 0.5}),
    [](const auto& test) { return std::string(test.param.why); });

// dx/dt = g x from t = 1 to 0 has the solution exp(-g). ComfyUI's UniPC ends at 0.001 and divides
// by the rest.
double growth_error(std::string_view name, std::int32_t steps) {
  constexpr double kGrowth = -2.0;
  const auto sampler = flow_sampler(name, steps, 1.0);
  at::Tensor x = at::ones({1}, at::kDouble);
  for (std::size_t i = 0; i < static_cast<std::size_t>(steps); ++i) {
    x = sampler->step(i, x, kGrowth * x);
  }
  const double rest = name.starts_with("uni_pc") ? 1.0 - 0.001 : 1.0;
  return std::abs(x.item<double>() - std::exp(-kGrowth * rest) / rest);
}

TEST(Sampler, ErrorFallsWithStepsAndUniPcsIsATenthOfEulers) {
  // Euler is of order one: half the step, half the error.
  EXPECT_NEAR(growth_error("euler", 64) / growth_error("euler", 128), 2.0, 0.1);
  for (const std::int32_t steps : {16, 32, 64}) {
    EXPECT_LT(growth_error("unipc", steps), 0.1 * growth_error("euler", steps)) << steps;
    // Their last step, from the last thousandths of noise to one of them, is a long one in lambda.
    EXPECT_LT(growth_error("uni_pc", steps), 0.25 * growth_error("euler", steps)) << steps;
    EXPECT_LT(growth_error("uni_pc_bh2", steps), 0.25 * growth_error("euler", steps)) << steps;
  }
}

TEST(Sampler, EulerTimesAreThoseOfTheDemo) {
  // shift 3, 4 steps: u = 1, 3/4, 1/2, 1/4 and t = 3u / (1 + 2u).
  const std::vector<double> t = flow_sampler("euler", 4, 3.0)->t();
  const double wanted[4] = {1.0, 2.25 / 2.5, 1.5 / 2.0, 0.75 / 1.5};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_DOUBLE_EQ(t[i], wanted[i]);
  }
}

TEST(Sampler, TimesAreRoundedToThousandthsAsComfyUiRoundsThem) {
  // 1000 / 7 steps: 0, 142.9, 285.7, ... thousandths are left out, cut to whole ones.
  const std::vector<double> wanted{1.0, 0.858, 0.715, 0.572, 0.429, 0.286, 0.143};
  EXPECT_EQ(sampler_t("euler", 7, 1.0), wanted);
  EXPECT_EQ(sampler_t("uni_pc", 6, 1.0), std::vector<double>(wanted.begin(), wanted.end() - 1));
  EXPECT_EQ(sampler_t("uni_pc_bh2", 6, 3.0), sampler_t("uni_pc", 6, 3.0));
}

TEST(Sampler, EulerStepsThroughTimesOfOnesOwn) {
  const auto sampler = make_sampler("euler", {1.0, 0.7, 0.25}, flow_schedule());
  EXPECT_EQ(sampler->t(), (std::vector<double>{1.0, 0.7, 0.25}));
  at::Tensor x = at::full({2}, 5.0);
  const std::vector<double> velocities{1.0, -2.0, 4.0};
  for (std::size_t i = 0; i < 3; ++i) {
    x = sampler->step(i, x, at::full({2}, velocities[i]));
  }
  EXPECT_NEAR(x[0].item<double>(), 5.0 - 0.3 * 1.0 + 0.45 * 2.0 - 0.25 * 4.0, 1e-6);
  for (const std::vector<double>& bad :
       {std::vector<double>{}, {0.5, 0.5}, {0.2, 0.5}, {1.5, 0.5}, {0.5, 0.0}}) {
    EXPECT_THROW(make_sampler("euler", bad, flow_schedule()), Error);
  }
}

TEST(Sampler, ResultsKeepTheDtype) {
  for (const auto& [kind, name] : kSamplerNames) {
    const auto sampler = flow_sampler(name, 3, 3.0);
    at::Tensor x = at::ones({2}, at::kFloat);
    for (std::size_t i = 0; i < 3; ++i) {
      x = sampler->step(i, x, at::ones({2}, at::kFloat));
      EXPECT_EQ(x.scalar_type(), at::kFloat) << name;
    }
    EXPECT_THROW(flow_sampler(name, 3, 3.0)->step(0, x, x.to(at::kDouble)), std::logic_error);
    EXPECT_THROW(flow_sampler(name, 3, 3.0)->step(0, x, at::ones({1})), std::logic_error);
  }
}

TEST(Sampler, RefusalsNameTheValue) {
  EXPECT_ERROR(flow_sampler("heun", 20, 3.0),
               "unknown sampler \"heun\"; known are: euler, unipc, uni_pc, uni_pc_bh2");
  EXPECT_ERROR(flow_sampler("euler", 0, 3.0), "steps 0 is below 1");
  EXPECT_ERROR(flow_sampler("unipc", 20, 0.0), "shift 0 is not a number above 0");
  EXPECT_ERROR(flow_sampler("unipc", 20, std::numeric_limits<double>::infinity()), "shift inf");
  EXPECT_ERROR(flow_sampler("euler", 20, std::nan("")), "shift nan");
}

// Signal and noise in angles, alpha = cos and sigma = sin of t quarter turns, with v = alpha noise
// - sigma clip predicted: a schedule that samplers know nothing of.
class Angles final : public Schedule {
 public:
  double alpha(double t) const override { return std::cos(angle(t)); }
  double sigma(double t) const override { return std::sin(angle(t)); }
  double lambda(double t) const override { return std::log(alpha(t) / sigma(t)); }
  at::Tensor clip(const at::Tensor& x, const at::Tensor& v, double t) const override {
    return x * alpha(t) - v * sigma(t);
  }
  at::Tensor carry(const at::Tensor& x, const at::Tensor& v, double t, double next) const override {
    const at::Tensor noise = x * sigma(t) + v * alpha(t);
    return clip(x, v, t) * alpha(next) + noise * sigma(next);
  }

 private:
  static double angle(double t) { return t * std::acos(0.0); }
};

// Where the network knows clip and noise, every sampler stays on the path that the schedule mixes.
TEST(Sampler, StepsThroughASchedulesOwnPath) {
  const Angles angles;
  const at::Tensor clip = at::linspace(-2.0, 2.0, 24, at::kDouble);
  const at::Tensor noise = at::cos(at::arange(24, at::kDouble) * 5.0);
  for (const std::string_view name : {"euler", "unipc"}) {
    std::vector<double> t{0.999, 0.7, 0.45, 0.2};
    const auto sampler = make_sampler(name, t, angles);
    t.push_back(0.0);
    at::Tensor x = angles.alpha(t[0]) * clip + angles.sigma(t[0]) * noise;
    for (std::size_t i = 0; i + 1 < t.size(); ++i) {
      x = sampler->step(i, x, angles.alpha(t[i]) * noise - angles.sigma(t[i]) * clip);
      const at::Tensor expected = angles.alpha(t[i + 1]) * clip + angles.sigma(t[i + 1]) * noise;
      EXPECT_LE((expected - x).abs().max().item<double>(), 1e-12) << name << " step " << i;
    }
  }
}

TEST(Schedule, OnlyWhatTheEngineHasIsGiven) {
  EXPECT_NE(make_schedule(Prediction::kFlow), nullptr);
  EXPECT_ERROR(make_schedule(Prediction::kV),
               "the engine has no schedule for networks that predict v");
}

}  // namespace
}  // namespace twill::engine
