// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/adaptive_run.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "search/synthetic_profile.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"
#include "twill/search/carried_profile.h"
#include "twill/search/error_model.h"

namespace twill::search {
namespace {

using test::ProfileShape;
using test::Random;
using test::some_candidates;
using test::synthetic_profile;

constexpr TokenLayout kOther{.frames = 6, .rows = 12, .cols = 12};
constexpr std::int32_t kHeads = 2, kHeadDim = 64;

std::shared_ptr<Profile> small_profile(std::int32_t experts = 1) {
  const ProfileShape shape{.layers = 2, .heads = kHeads, .experts = experts};
  return synthetic_profile(shape, some_candidates(shape.layout, 16), 5);
}

MeasuredErrors measured_at(const Profile& profile, const std::vector<double>& t) {
  MeasuredErrors measured{.t = t, .head_error = {}};
  Random random(3);
  const std::size_t cells =
      profile.model.experts.size() * profile.heads() * profile.candidates.size();
  for (std::size_t i = 0; i < t.size() * cells; ++i) {
    measured.head_error.push_back(static_cast<float>(random.next()));
  }
  return measured;
}

template <typename Work>
std::string message_of(ErrorCode code, const Work& work) {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    return error.what();
  }
  return "nothing was thrown";
}

// The definition, in double: with n measurements n / (n + 3) of the measured logarithm.
TEST(CarriedProfile, is_the_mean_ratio_drawn_towards_what_was_expected) {
  const auto profile = small_profile();
  const std::vector<double> t{0.85, 0.3};  // between two of the profile's, and on one
  const MeasuredErrors measured = measured_at(*profile, t);
  const Profile carried = carried_profile(*profile, kOther, measured);
  const std::vector<double> factors = layout_factors(*profile, kOther);
  const std::size_t candidates = profile->candidates.size();
  for (std::size_t head = 0; head < profile->heads(); ++head) {
    for (std::size_t c = 0; c < candidates; ++c) {
      double log_measured = 0.0, log_expected = 0.0;
      for (std::size_t i = 0; i < t.size(); ++i) {
        const auto at = [&](std::size_t time) {
          return static_cast<double>(profile->error_at(time, 0, head, c));
        };
        const double here = i == 0 ? 0.5 * at(0) + 0.5 * at(1) : at(2);  // 0.85 of 1, 0.7, 0.3
        const double there = static_cast<double>(
            measured.head_error[(i * profile->heads() + head) * candidates + c]);
        log_measured += 0.5 * std::log((there + 1e-4) / (here + 1e-4));
        log_expected += 0.5 * std::log((factors[c] * here + 1e-4) / (here + 1e-4));
      }
      const double ratio = std::exp(0.4 * log_measured + 0.6 * log_expected);
      for (std::size_t time = 0; time < profile->t.size(); ++time) {
        const double here = static_cast<double>(profile->error_at(time, 0, head, c));
        const double expected = std::max(0.0, ratio * (here + 1e-4) - 1e-4);
        EXPECT_NEAR(carried.error_at(time, 0, head, c), expected, 1e-6 * (1.0 + expected));
      }
    }
  }
  EXPECT_EQ(carried.layout, kOther);
  EXPECT_EQ(carried.gain, profile->gain);
  check_profile(carried);
}

TEST(CarriedProfile, without_measurements_it_is_what_the_solver_expects) {
  const auto profile = small_profile();
  const Profile carried = carried_profile(*profile, kOther, {});
  SolveRequest there{.forwards = forwards_at({1.0, 0.8, 0.5, 0.2}), .budget = 0.5};
  SolveRequest here = there;
  here.layout = kOther;
  EXPECT_EQ(solve(std::make_shared<Profile>(carried), there).plan.segments,
            solve(profile, here).plan.segments);
}

// Wan 2.2: the early steps run the one expert, the late ones the other.
TEST(CarriedProfile, an_expert_that_was_not_measured_takes_the_rule) {
  const auto profile = small_profile(2);
  MeasuredErrors measured = measured_at(*profile, {1.0});
  const std::size_t of_expert = measured.head_error.size() / 2;
  std::fill(measured.head_error.begin() + static_cast<std::ptrdiff_t>(of_expert),
            measured.head_error.end(), std::numeric_limits<float>::quiet_NaN());
  const Profile carried = carried_profile(*profile, kOther, measured);
  const Profile by_rule = carried_profile(*profile, kOther, {});
  for (std::size_t head = 0; head < profile->heads(); ++head) {
    for (std::size_t c = 0; c < profile->candidates.size(); ++c) {
      EXPECT_EQ(carried.error_at(1, 1, head, c), by_rule.error_at(1, 1, head, c));
    }
  }
  EXPECT_NE(carried.head_error, by_rule.head_error);
}

TEST(CarriedProfile, refuses_errors_of_another_shape) {
  MeasuredErrors measured = measured_at(*small_profile(), {1.0});
  measured.head_error.pop_back();
  EXPECT_EQ(
      message_of(ErrorCode::kUsage, [&] { carried_profile(*small_profile(), kOther, measured); }),
      "measured: 63 errors, not 64");
}

TEST(MeasuredSteps, the_first_and_some_later_ones_but_not_the_last) {
  EXPECT_EQ(measured_steps(20), (std::vector<std::int32_t>{0, 1, 4, 9}));
  EXPECT_EQ(measured_steps(50), (std::vector<std::int32_t>{0, 2, 10, 22}));
  EXPECT_EQ(measured_steps(4), (std::vector<std::int32_t>{0, 1}));
  EXPECT_EQ(measured_steps(2), (std::vector<std::int32_t>{0}));
  EXPECT_TRUE(measured_steps(1).empty());
}

// q, k and v of a layer: a query of head 1 wants its own token alone, one of head 0 a few tokens
// anywhere.
struct Layer {
  std::vector<float> q, k, v;
  AttentionCall call;

  explicit Layer(const TokenLayout& layout) {
    const auto tokens = static_cast<std::size_t>(layout.tokens());
    const std::size_t count = kHeads * tokens * kHeadDim;
    Random random(11);
    for (std::size_t i = 0; i < count; ++i) {
      const bool own = i >= count / kHeads;
      const auto wide = [&] { return static_cast<float>(8.0 * random.next() - 4.0); };
      q.push_back(wide());
      k.push_back(own ? q.back() : wide());
      v.push_back(static_cast<float>(random.next() - 0.5));
    }
    const std::int64_t head = static_cast<std::int64_t>(tokens) * kHeadDim;
    const kernels::Strides strides{.batch = kHeads * head, .head = head, .token = kHeadDim};
    call = {.q = q.data(),
            .k = k.data(),
            .v = v.data(),
            .q_strides = strides,
            .k_strides = strides,
            .v_strides = strides,
            .heads = kHeads,
            .tokens = layout.tokens(),
            .head_dim = kHeadDim};
  }
};

std::vector<double> times(std::int32_t steps) {
  std::vector<double> t;
  for (std::int32_t i = 0; i < steps; ++i) {
    t.push_back(1.0 - static_cast<double>(i) / steps);
  }
  return t;
}

SolveRequest request(std::int32_t steps, double budget) {
  return {.forwards = forwards_of_run(times(steps)), .budget = budget, .layout = kOther};
}

void show(AdaptiveRun& run, const Layer& layer) {
  for (std::int32_t index = 0; index < 2; ++index) {
    run.observe({.layer = index}, layer.call);
  }
}

// Density of a head over the last step of its plan.
double density_of(const Plan& plan, std::size_t head) {
  const Segment& segment = plan.segments[static_cast<std::size_t>(segment_at(plan, 0.05))];
  if (segment.dense) {
    return 1.0;
  }
  const Pattern& pattern = plan.patterns[static_cast<std::size_t>(segment.heads[0][head].pattern)];
  return static_cast<double>(pattern_tiles(pattern, kOther)) /
         static_cast<double>(dense_tiles(kOther));
}

TEST(AdaptiveRun, cells_go_to_the_heads_that_turn_out_to_need_them) {
  const Layer layer(kOther);
  AdaptiveRun run(small_profile(), request(20, 0.5));
  const Plan before = *run.plan();
  EXPECT_EQ(before.segments, solve(small_profile(), request(20, 0.5)).plan.segments);
  std::vector<std::int32_t> changed;
  for (std::int32_t step = 0; step < 20; ++step) {
    EXPECT_EQ(run.step(), step);
    if (run.measuring()) {
      show(run, layer);
    }
    if (run.finish_step()) {
      changed.push_back(step);
    }
  }
  EXPECT_EQ(changed, measured_steps(20));
  // Gains decide which of the layers gets more.
  const auto both = [](const Plan& plan, std::size_t head) {
    return density_of(plan, head) + density_of(plan, head + kHeads);
  };
  EXPECT_LT(both(*run.plan(), 1), both(before, 1));
  EXPECT_GT(both(*run.plan(), 0), both(before, 0));
  // The solver comes within one head's smallest step of its budget each time.
  EXPECT_LE(run.density(), 0.5 + 1e-9);
  EXPECT_GT(run.density(), 0.45);
}

TEST(AdaptiveRun, says_what_ran_and_what_is_planned) {
  const Layer layer(kOther);
  AdaptiveRun run(small_profile(), request(4, 0.5));
  const std::vector<double> t = times(4);
  const auto of_step = [&](std::size_t step) {
    return run_density(CompiledPlan(*run.plan(), kOther), *run.plan(), {t[step]});
  };
  double ran = 0.0;
  for (std::size_t step = 0; step < 4; ++step) {
    double planned = 0.0;
    for (std::size_t rest = step; rest < 4; ++rest) {
      planned += of_step(rest);
    }
    EXPECT_NEAR(run.density(), (ran + planned) / 4.0, 1e-12) << step;
    ran += of_step(step);
    if (run.measuring()) {
      show(run, layer);
    }
    run.finish_step();
  }
  EXPECT_NEAR(run.density(), ran / 4.0, 1e-12);
}

TEST(AdaptiveRun, is_the_same_each_time) {
  const Layer layer(kOther);
  const auto plan_after_one = [&] {
    AdaptiveRun run(small_profile(), request(8, 0.4));
    show(run, layer);
    EXPECT_TRUE(run.finish_step());
    return *run.plan();
  };
  EXPECT_EQ(plan_after_one().segments, plan_after_one().segments);
}

TEST(AdaptiveRun, a_step_that_was_not_shown_whole_is_not_finished) {
  const Layer layer(kOther);
  AdaptiveRun run(small_profile(), request(8, 0.4));
  run.observe({.layer = 0}, layer.call);
  EXPECT_EQ(message_of(ErrorCode::kModel, [&] { run.finish_step(); }),
            "t 1, prompt 0: blocks layer 1 of branch 0 was not observed");
  EXPECT_EQ(run.step(), 0);
  run.observe({.layer = 1}, layer.call);
  EXPECT_TRUE(run.finish_step());
}

TEST(AdaptiveRun, ends_with_the_run) {
  AdaptiveRun run(small_profile(), request(1, 0.4));
  EXPECT_FALSE(run.finish_step());
  EXPECT_EQ(message_of(ErrorCode::kUsage, [&] { run.finish_step(); }),
            "all 1 steps of the run are finished");
}

TEST(AdaptiveRun, can_be_stopped_while_it_measures) {
  std::stop_source stop;
  const Layer layer(kOther);
  AdaptiveRun run(small_profile(), request(8, 0.4), 0, stop.get_token());
  stop.request_stop();
  EXPECT_THROW(show(run, layer), Cancelled);
}

TEST(AdaptiveRun, measures_all_tokens_of_a_small_grid) {
  constexpr TokenLayout kSmall{.frames = 2, .rows = 4, .cols = 4};
  SolveRequest small = request(8, 0.9);
  small.layout = kSmall;
  const Layer layer(kSmall);
  AdaptiveRun run(small_profile(), small);
  show(run, layer);
  EXPECT_TRUE(run.finish_step());
}

TEST(AdaptiveRun, needs_a_profile) {
  EXPECT_EQ(message_of(ErrorCode::kUsage, [] { AdaptiveRun run(nullptr, request(8, 0.4)); }),
            "there is no profile to adapt a plan with");
}

}  // namespace
}  // namespace twill::search
