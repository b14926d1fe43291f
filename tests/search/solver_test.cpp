// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/solver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <ostream>
#include <set>

#include "search/brute_force.h"
#include "search/synthetic_profile.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_io.h"
#include "twill/search/ledger.h"

namespace twill::search {
namespace {

using test::ProfileShape;
using test::Random;
using test::some_candidates;
using test::synthetic_profile;

std::vector<double> shifted_times(int steps, double shift = 3.0) {
  std::vector<double> t;
  for (int i = 0; i < steps; ++i) {
    const double sigma = 1.0 - static_cast<double>(i) / steps;
    t.push_back(shift * sigma / (1.0 + (shift - 1.0) * sigma));
  }
  return t;
}

std::shared_ptr<Profile> demo_like_profile(std::uint64_t seed = 1) {
  const ProfileShape shape{.layers = 12,
                           .heads = 4,
                           .layout = {.frames = 13, .rows = 16, .cols = 16},
                           .t = {1.0, 0.95, 0.9, 0.8, 0.65, 0.45, 0.25, 0.1}};
  return synthetic_profile(shape, some_candidates(shape.layout, 40), seed);
}

SolveRequest request_for(const std::vector<double>& t, double budget) {
  SolveRequest request;
  request.forwards = forwards_at(t);
  request.budget = budget;
  return request;
}

double left_out(const Pattern& pattern, const TokenLayout& layout) {
  return 1.0 - static_cast<double>(pattern_tiles(pattern, layout)) /
                   static_cast<double>(dense_tiles(layout));
}

// The profile with the errors that are expected at another layout, by the definition.
Profile expected_at(const Profile& profile, const TokenLayout& layout) {
  Profile expected = profile;
  const std::size_t candidates = profile.candidates.size();
  for (std::size_t i = 0; i < expected.head_error.size(); ++i) {
    const Pattern& pattern = profile.candidates[i % candidates];
    const double measured = left_out(pattern, profile.layout);
    if (measured > 0.0) {
      expected.head_error[i] *=
          static_cast<float>(std::pow(left_out(pattern, layout) / measured, 1.5));
    }
  }
  return expected;
}

// The plan says the same of itself as the result does, by code that the solver does not use.
void expect_result_is_true(const Profile& profile, const SolveRequest& request,
                           const SolveResult& result) {
  check_plan(result.plan);
  check_plan_fits(result.plan, profile.model);
  std::vector<double> t;
  std::vector<std::int32_t> expert;
  for (const Forward& forward : request.forwards) {
    t.push_back(forward.t);
    expert.push_back(forward.expert);
  }
  const TokenLayout layout = request.layout.value_or(profile.layout);
  EXPECT_NEAR(run_density(CompiledPlan(result.plan, layout), result.plan, t, expert),
              result.density, 1e-12 * static_cast<double>(t.size()));
  // Expected errors are rounded to floats, a profile's own are not rounded again.
  const double rounding = layout == profile.layout ? 1e-9 : 1e-6;
  const Ledger ledger(std::make_shared<const Profile>(expected_at(profile, layout)),
                      request.forwards, request.weight, profile.layout);
  EXPECT_NEAR(ledger.error(result.plan), result.predicted_error,
              rounding * (1.0 + result.predicted_error));
  EXPECT_LE(result.lower_bound, result.predicted_error);
}

struct TinyCase {
  const char* why;
  std::int32_t segments;
  std::optional<std::int32_t> first, last;
};
void PrintTo(const TinyCase& tiny, std::ostream* out) { *out << tiny.why; }

class TinyProblems : public ::testing::TestWithParam<TinyCase> {};

TEST_P(TinyProblems, AreSolvedWithinTheBound) {
  const TinyCase& tiny = GetParam();
  double worst_gap = 0.0;
  int optimal = 0, feasible = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Random random(1000 + seed);
    const ProfileShape shape{.layers = 1, .heads = 2 + random.below(2)};
    const auto profile = synthetic_profile(
        shape, some_candidates(shape.layout, 4 + static_cast<std::size_t>(random.below(2))), seed);
    SolveRequest request =
        request_for(shifted_times(3 + random.below(2)), 0.05 + 0.9 * random.next());
    request.max_segments = tiny.segments;
    request.dense_first_steps = tiny.first;
    request.dense_last_steps = tiny.last;
    const double least = test::least_error_by_trying(*profile, request);
    if (std::isinf(least)) {
      EXPECT_THROW(solve(profile, request), Error);
      continue;
    }
    ++feasible;
    const SolveResult result = solve(profile, request);
    expect_result_is_true(*profile, request, result);
    EXPECT_LE(result.density, request.budget + 1e-8) << seed;
    const double rounding = 1e-9 * (1.0 + least);
    EXPECT_LE(result.lower_bound, least + rounding) << seed;
    EXPECT_GE(result.predicted_error, least - rounding) << seed;
    worst_gap = std::max(worst_gap, result.predicted_error - least);
    optimal += result.predicted_error <= least + rounding ? 1 : 0;
  }
  // Not an exact solver: on problems of a few heads it must still be right as a rule.
  EXPECT_GE(feasible, 20);
  EXPECT_GE(optimal, feasible / 2) << "worst gap " << worst_gap;
}

INSTANTIATE_TEST_SUITE_P(Cases, TinyProblems,
                         ::testing::Values(TinyCase{"one_table", 1, 0, 0},
                                           TinyCase{"two_tables", 2, 0, 0},
                                           TinyCase{"free_dense_ends", 1, {}, {}},
                                           TinyCase{"told_dense_ends", 2, 1, 1},
                                           TinyCase{"free_front_told_back", 2, {}, 0}),
                         [](const auto& tested) { return std::string(tested.param.why); });

// Twelve random problems at five budgets had gaps of 0.03 % as a rule, 2 of the 60 above 0.5 % and
// none above 2 % (the bound itself may be that far away); which ones differs with the candidates.
TEST(Solver, LargeProblemsComeNearTheBound) {
  std::vector<double> gaps;
  for (const std::uint64_t seed : {1, 2, 3, 4}) {
    const auto profile = demo_like_profile(seed);
    for (const double budget : {0.1, 0.25, 0.4, 0.6, 0.9}) {
      const SolveRequest request = request_for(shifted_times(20), budget);
      const SolveResult result = solve(profile, request);
      expect_result_is_true(*profile, request, result);
      EXPECT_LE(result.density, budget + 1e-8);
      // The next greater choice of one head in one step costs at most 1 / (48 x 20).
      EXPECT_GE(result.density, budget - 0.002);
      gaps.push_back((result.predicted_error - result.lower_bound) / result.lower_bound);
      EXPECT_LE(gaps.back(), 0.025) << "seed " << seed << ", budget " << budget;
    }
  }
  std::ranges::sort(gaps);
  EXPECT_LE(gaps[gaps.size() / 2], 0.001);
  EXPECT_LE(gaps[gaps.size() * 9 / 10], 0.005);
}

TEST(Solver, MoreBudgetNeverHurts) {
  const Solver solver(demo_like_profile(), request_for(shifted_times(20), 0.4));
  const std::vector<FrontPoint> front = solver.pareto_front(17);
  ASSERT_EQ(front.size(), 17u);
  for (std::size_t i = 1; i < front.size(); ++i) {
    EXPECT_GT(front[i].budget, front[i - 1].budget);
    EXPECT_LE(front[i].predicted_error, front[i - 1].predicted_error * (1.0 + 1e-9));
  }
  EXPECT_EQ(front.back().quality, 1.0);
  EXPECT_EQ(front.back().predicted_error, 0.0);
  EXPECT_EQ(front.back().density, 1.0);
}

// What is left of a budget when the next step of a head does not fit goes to whichever head can
// use it.
TEST(Solver, NoHeadCouldTakeABetterCandidateWithinWhatIsLeft) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const auto profile = demo_like_profile(seed);
    for (const double budget : {0.2, 0.35, 0.6}) {
      SolveRequest request = request_for(shifted_times(20), budget);
      request.max_segments = 3;
      const SolveResult result = solve(profile, request);
      const Ledger ledger(profile, request.forwards, request.weight, profile->layout);
      const double all = 20.0 * 12 * 4 * ledger.cost(ledger.dense()).cells;
      const double left = (budget - result.density) * all;
      for (std::size_t i = 0; i < result.plan.segments.size(); ++i) {
        const Segment& segment = result.plan.segments[i];
        for (std::size_t head = 0; !segment.dense && head < 48; ++head) {
          const auto pattern = static_cast<std::size_t>(segment.heads[0][head].pattern);
          const std::size_t now = *ledger.candidate(result.plan.patterns[pattern]);
          for (std::size_t other = 0; other < profile->candidates.size(); ++other) {
            double saved = 0.0, cells = 0.0;
            for (const Forward& forward : request.forwards) {
              if (segment_at(result.plan, forward.t) == static_cast<std::int32_t>(i)) {
                saved += ledger.error(forward, head, now) - ledger.error(forward, head, other);
                cells += ledger.cost(other).cells - ledger.cost(now).cells;
              }
            }
            ASSERT_FALSE(saved > 1e-9 * result.predicted_error && cells <= left)
                << "budget " << budget << ", segment " << i << ", head " << head << ", candidate "
                << other << " saves " << saved;
          }
        }
      }
    }
  }
}

TEST(Solver, ABudgetOfOneIsOneDenseSegment) {
  const SolveResult result = solve(demo_like_profile(), request_for(shifted_times(20), 1.0));
  ASSERT_EQ(result.plan.segments.size(), 1u);
  EXPECT_TRUE(result.plan.segments[0].dense);
  EXPECT_EQ(result.dense_first_steps, 20);
  EXPECT_EQ(result.dense_last_steps, 20);
}

TEST(Solver, ToldDenseStepsAreDenseAndCounted) {
  SolveRequest request = request_for(shifted_times(20), 0.5);
  request.dense_first_steps = 3;
  request.dense_last_steps = 2;
  const SolveResult result = solve(demo_like_profile(), request);
  EXPECT_GE(result.dense_first_steps, 3);
  EXPECT_GE(result.dense_last_steps, 2);
  const std::vector<double> t = shifted_times(20);
  for (const std::size_t step : {0u, 2u, 18u, 19u}) {
    EXPECT_TRUE(
        result.plan.segments[static_cast<std::size_t>(segment_at(result.plan, t[step]))].dense)
        << step;
  }
  EXPECT_NEAR(result.density, 0.5, 0.002);
}

TEST(Solver, ToldEdgesAreThePlansEdges) {
  SolveRequest request = request_for(shifted_times(20), 0.3);
  request.edges = {0.4, 0.8, 0.93};
  request.dense_first_steps = 0;
  request.dense_last_steps = 0;
  const SolveResult result = solve(demo_like_profile(), request);
  ASSERT_EQ(result.plan.segments.size(), 4u);
  EXPECT_EQ(result.plan.segments[1].t_begin, 0.4);
  EXPECT_EQ(result.plan.segments[2].t_begin, 0.8);
  EXPECT_EQ(result.plan.segments[3].t_begin, 0.93);
}

TEST(Solver, MoreSegmentsNeverHurt) {
  const auto profile = demo_like_profile();
  double before = std::numeric_limits<double>::infinity();
  for (const std::int32_t segments : {1, 2, 4, 8}) {
    SolveRequest request = request_for(shifted_times(20), 0.3);
    request.max_segments = segments;
    const SolveResult result = solve(profile, request);
    std::size_t sparse = 0;
    for (const Segment& segment : result.plan.segments) {
      sparse += segment.dense ? 0 : 1;
    }
    EXPECT_LE(sparse, static_cast<std::size_t>(segments));
    EXPECT_LE(result.predicted_error, before * 1.001);
    before = result.predicted_error;
  }
}

TEST(Solver, AHeavierTimeGetsMoreOfTheBudget) {
  const auto profile = demo_like_profile();
  const std::vector<double> t = shifted_times(20);
  const auto early_density = [&](const TimeWeight& weight) {
    SolveRequest request = request_for(t, 0.3);
    request.weight = weight;
    const SolveResult result = solve(profile, request);
    return run_density(CompiledPlan(result.plan, profile->layout), result.plan,
                       {t.begin(), t.begin() + 6});
  };
  EXPECT_GT(early_density({.t = {0.0, 0.8, 0.9}, .weight = {1.0, 1.0, 100.0}}),
            early_density({.t = {0.0}, .weight = {1.0}}) + 0.1);
}

TEST(Solver, FixedForbiddenAndLimitedHeadsAreKept) {
  const auto profile = demo_like_profile();
  SolveRequest request = request_for(shifted_times(20), 0.3);
  request.fixed = {{.layer = 0, .pattern = dense()},
                   {.layer = 3, .head = 2, .pattern = profile->candidates[7]},
                   {.layer = 0, .head = 1, .pattern = mean()}};
  request.forbidden = {PatternKind::kSkip, PatternKind::kUnion};
  request.max_head_error = 0.6;
  const SolveResult result = solve(profile, request);
  const Plan& plan = result.plan;
  for (const Segment& segment : plan.segments) {
    ASSERT_FALSE(segment.dense);
    const auto pattern = [&](std::int32_t layer, std::int32_t head) {
      const HeadPlan& of =
          segment.heads[0][static_cast<std::size_t>(head_index(plan.model, 0, layer, head))];
      return plan.patterns[static_cast<std::size_t>(of.pattern)];
    };
    EXPECT_EQ(pattern(0, 0), dense());
    EXPECT_EQ(pattern(0, 1), mean());
    EXPECT_EQ(pattern(3, 2), profile->candidates[7]);
    for (std::int32_t layer = 1; layer < 12; ++layer) {
      for (std::int32_t head = 0; head < 4; ++head) {
        EXPECT_NE(pattern(layer, head).kind, PatternKind::kSkip);
        if (layer != 3 || head != 2) {
          EXPECT_NE(pattern(layer, head).kind, PatternKind::kUnion);
        }
      }
    }
  }
  EXPECT_LE(result.density, 0.3 + 1e-8);
}

TEST(Solver, ALimitOnHeadErrorsHoldsAtEveryStep) {
  const auto profile = demo_like_profile();
  SolveRequest request = request_for(profile->t, 0.4);
  request.max_head_error = 0.3;
  const SolveResult result = solve(profile, request);
  for (std::size_t time = 0; time < profile->t.size(); ++time) {
    const Segment& segment =
        result.plan.segments[static_cast<std::size_t>(segment_at(result.plan, profile->t[time]))];
    for (std::size_t head = 0; !segment.dense && head < profile->heads(); ++head) {
      const Pattern& pattern =
          result.plan.patterns[static_cast<std::size_t>(segment.heads[0][head].pattern)];
      const auto candidate = static_cast<std::size_t>(
          std::find(profile->candidates.begin(), profile->candidates.end(), pattern) -
          profile->candidates.begin());
      EXPECT_LE(profile->error_at(time, 0, head, candidate), 0.3f);
    }
  }
}

TEST(Solver, EveryExpertHasItsOwnTableAndIdleOnesAreFilled) {
  const ProfileShape shape{.layers = 3, .heads = 4, .experts = 2};
  const auto profile = synthetic_profile(shape, some_candidates(shape.layout, 12), 5);
  SolveRequest request = request_for(shifted_times(10), 0.4);
  for (Forward& forward : request.forwards) {
    forward.expert = forward.t > 0.8 ? 0 : 1;
  }
  request.max_segments = 3;
  const SolveResult result = solve(profile, request);
  expect_result_is_true(*profile, request, result);
  for (const Segment& segment : result.plan.segments) {
    EXPECT_TRUE(segment.dense || segment.heads.size() == 2u);
  }
}

TEST(Solver, TwoForwardsOfAStepAreOneStep) {
  const auto profile = demo_like_profile();
  SolveRequest once = request_for(shifted_times(10), 0.4);
  SolveRequest twice = once;
  twice.forwards.clear();
  for (const Forward& forward : once.forwards) {
    twice.forwards.push_back(forward);
    twice.forwards.push_back(forward);
  }
  once.dense_first_steps = twice.dense_first_steps = 2;
  const SolveResult a = solve(profile, once), b = solve(profile, twice);
  EXPECT_EQ(a.plan.segments, b.plan.segments);
  EXPECT_EQ(a.density, b.density);
  EXPECT_NEAR(2.0 * a.predicted_error, b.predicted_error, 1e-9 * b.predicted_error);
}

TEST(Solver, AnotherLayoutIsPricedAndItsErrorsExpectedThere) {
  const auto profile = demo_like_profile();
  SolveRequest request = request_for(shifted_times(20), 0.35);
  request.layout = TokenLayout{.frames = 21, .rows = 12, .cols = 20};
  const SolveResult result = solve(profile, request);
  expect_result_is_true(*profile, request, result);
  EXPECT_NEAR(result.density, 0.35, 0.002);
}

TEST(Solver, WhatComputesEveryCellAtAnotherLayoutHasNoErrorThere) {
  const auto profile = demo_like_profile();
  const TokenLayout shorter{.frames = 3, .rows = 16, .cols = 16};
  const std::vector<double> factors = layout_factors(*profile, shorter);
  std::size_t complete = 0;
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const Pattern& pattern = profile->candidates[i];
    if (pattern_tiles(pattern, shorter) == dense_tiles(shorter) &&
        pattern.kind != PatternKind::kDense) {
      EXPECT_EQ(factors[i], 0.0) << describe(pattern);
      ++complete;
    }
  }
  EXPECT_GT(complete, 0u);
  EXPECT_EQ(layout_factors(*profile, profile->layout), std::vector(factors.size(), 1.0));
}

TEST(Solver, MillisecondsDecideWhereTheyAreTheBudget) {
  auto profile = demo_like_profile();
  profile->cost = {
      .device = "none", .kernel = "none", .layout = profile->layout, .milliseconds = {}};
  Random random(9);
  const double all = static_cast<double>(dense_tiles(profile->layout));
  for (const Pattern& pattern : profile->candidates) {
    const double density = static_cast<double>(pattern_tiles(pattern, profile->layout)) / all;
    profile->cost.milliseconds.push_back(2.0 * (0.05 + density * (0.9 + 0.4 * random.next())));
  }
  profile->cost.milliseconds[0] = 2.0;
  // Slower than dense though sparse.
  const std::size_t slow = profile->candidates.size() - 1;
  profile->cost.milliseconds[slow] = 2.5;
  SolveRequest request = request_for(shifted_times(20), 0.4);
  request.budget_kind = BudgetKind::kAttentionShare;
  const SolveResult result = solve(profile, request);
  EXPECT_LE(result.attention_share, 0.4 + 1e-8);
  EXPECT_GE(result.attention_share, 0.398);
  for (const Pattern& pattern : result.plan.patterns) {
    EXPECT_NE(pattern, profile->candidates[slow]);
  }
}

TEST(Solver, WhatIsSlowerThanDenseIsNotChosenForADensityEither) {
  const auto plain = demo_like_profile();
  const SolveRequest request = request_for(shifted_times(20), 0.4);
  const std::vector<Pattern> chosen = solve(plain, request).plan.patterns;
  const auto favourite = std::find_if(chosen.begin(), chosen.end(), [](const Pattern& pattern) {
    return pattern.kind != PatternKind::kDense;
  });
  ASSERT_NE(favourite, chosen.end());
  auto timed = std::make_shared<Profile>(*plain);
  timed->cost = {.device = "none", .kernel = "none", .layout = timed->layout, .milliseconds = {}};
  for (const Pattern& pattern : timed->candidates) {
    timed->cost.milliseconds.push_back(pattern.kind == PatternKind::kDense ? 2.0
                                       : pattern == *favourite             ? 2.1
                                                                           : 1.0);
  }
  for (const Pattern& pattern : solve(timed, request).plan.patterns) {
    EXPECT_NE(pattern, *favourite);
  }
}

TEST(Solver, TheSameRequestGivesTheSameBytes) {
  SolveRequest request = request_for(shifted_times(20), 0.37);
  request.attach_profile = true;
  EXPECT_EQ(plan_to_json(solve(demo_like_profile(), request).plan),
            plan_to_json(solve(demo_like_profile(), request).plan));
}

TEST(Solver, AFewStepScheduleHasItsOwnPlan) {
  const auto profile = demo_like_profile();
  for (const int steps : {1, 2, 4, 8, 50}) {
    SolveRequest request = request_for(shifted_times(steps), 0.5);
    const SolveResult result = solve(profile, request);
    expect_result_is_true(*profile, request, result);
    EXPECT_LE(result.density, 0.5 + 1e-8);
  }
}

struct BadCase {
  const char* why;
  std::function<void(Profile&, SolveRequest&)> spoil;
  const char* text;
};
void PrintTo(const BadCase& bad, std::ostream* out) { *out << bad.why; }

class BadRequests : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadRequests, AreNamed) {
  auto profile = demo_like_profile();
  SolveRequest request = request_for(shifted_times(20), 0.4);
  GetParam().spoil(*profile, request);
  try {
    solve(profile, request);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(GetParam().text), std::string::npos) << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, BadRequests,
    ::testing::Values(
        BadCase{"no_forwards", [](Profile&, SolveRequest& r) { r.forwards.clear(); },
                "forwards: there are none"},
        BadCase{"t_outside", [](Profile&, SolveRequest& r) { r.forwards[3].t = -0.5; },
                "forwards[3].t: -0.5 is outside 0..1"},
        BadCase{"t_rises", [](Profile&, SolveRequest& r) { r.forwards[3].t = 1.0; },
                "forwards[3].t: 1 is above the one before"},
        BadCase{"no_such_expert", [](Profile&, SolveRequest& r) { r.forwards[2].expert = 1; },
                "forwards[2].expert: 1 is not one of 0..0"},
        BadCase{"t_above_one", [](Profile&, SolveRequest& r) { r.forwards[0].t = 1.5; },
                "forwards[0].t: 1.5 is outside 0..1"},
        BadCase{"negative_expert", [](Profile&, SolveRequest& r) { r.forwards[2].expert = -1; },
                "forwards[2].expert: -1 is not one of 0..0"},
        BadCase{"negative_forward", [](Profile&, SolveRequest& r) { r.forwards[4].weight = -2.0; },
                "forwards[4].weight: -2 is not a finite number of at least 0"},
        BadCase{"endless_forward",
                [](Profile&, SolveRequest& r) {
                  r.forwards[4].weight = std::numeric_limits<double>::infinity();
                },
                "forwards[4].weight: inf is not a finite number of at least 0"},
        BadCase{"budget_zero", [](Profile&, SolveRequest& r) { r.budget = 0.0; },
                "budget: 0 is not in (0, 1]"},
        BadCase{"budget_over_one", [](Profile&, SolveRequest& r) { r.budget = 1.5; },
                "budget: 1.5 is not in (0, 1]"},
        BadCase{"budget_below_dense_steps",
                [](Profile&, SolveRequest& r) { r.dense_first_steps = 10; },
                "budget: 0.4 is below 0.5, the least that the request allows"},
        BadCase{"more_dense_steps_than_steps",
                [](Profile&, SolveRequest& r) { r.dense_first_steps = 21; },
                "dense_first_steps 21 and dense_last_steps 0 are more than the 20 steps"},
        BadCase{"negative_dense_steps", [](Profile&, SolveRequest& r) { r.dense_last_steps = -1; },
                "dense_last_steps: -1 is negative"},
        BadCase{"no_segments", [](Profile&, SolveRequest& r) { r.max_segments = 0; },
                "max_segments: 0 is outside 1..64"},
        BadCase{"too_many_segments", [](Profile&, SolveRequest& r) { r.max_segments = 65; },
                "max_segments: 65 is outside 1..64"},
        BadCase{"too_many_edges", [](Profile&, SolveRequest& r) { r.edges.assign(64, 0.5); },
                "edges: 64 are more than 63"},
        BadCase{"edge_at_zero", [](Profile&, SolveRequest& r) { r.edges = {0.0}; },
                "edges[0]: 0 is not between 0 and 1"},
        BadCase{"edge_at_one", [](Profile&, SolveRequest& r) { r.edges = {0.5, 1.0}; },
                "edges[1]: 1 is not between 0 and 1"},
        BadCase{"edges_stand",
                [](Profile&, SolveRequest& r) {
                  r.edges = {0.5, 0.5};
                },
                "edges[1]: 0.5 is not above the one before"},
        BadCase{"negative_head_error", [](Profile&, SolveRequest& r) { r.max_head_error = -0.1; },
                "max_head_error: -0.1 is not a number of at least 0"},
        BadCase{"negative_first_steps",
                [](Profile&, SolveRequest& r) { r.dense_first_steps = -1; },
                "dense_first_steps: -1 is negative"},
        BadCase{"negative_layers", [](Profile&, SolveRequest& r) { r.dense_first_layers = -1; },
                "dense_first_layers: -1 is negative"},
        BadCase{"more_dense_layers_than_layers",
                [](Profile&, SolveRequest& r) { r.dense_first_layers = 13; },
                "dense_first_layers: 13 is more than the model's 12 layers"},
        BadCase{"edges_fall",
                [](Profile&, SolveRequest& r) {
                  r.edges = {0.5, 0.4};
                },
                "edges[1]: 0.4 is not above the one before"},
        BadCase{"weight_negative",
                [](Profile&, SolveRequest& r) { r.weight = {.t = {0.5}, .weight = {-1.0}}; },
                "weight.weight[0]: -1 is not a finite number of at least 0"},
        BadCase{"fixed_pattern_unknown",
                [](Profile&, SolveRequest& r) {
                  r.fixed = {{.pattern = make_pattern(Diagonal{.reach = 0.123})}};
                },
                "fixed[0].pattern: \"diagonal"},
        BadCase{"fixed_layer_outside",
                [](Profile&, SolveRequest& r) { r.fixed = {{.layer = 12, .pattern = dense()}}; },
                "fixed[0].layer: 12 is not one of 0..11 nor -1"},
        BadCase{"fixed_stack_outside",
                [](Profile&, SolveRequest& r) { r.fixed = {{.stack = 1, .pattern = dense()}}; },
                "fixed[0].stack: 1 is not one of 0..0"},
        BadCase{"fixed_stack_negative",
                [](Profile&, SolveRequest& r) { r.fixed = {{.stack = -1, .pattern = dense()}}; },
                "fixed[0].stack: -1 is not one of 0..0"},
        BadCase{"fixed_head_outside",
                [](Profile&, SolveRequest& r) { r.fixed = {{.head = 4, .pattern = dense()}}; },
                "fixed[0].head: 4 is not one of 0..3 nor -1"},
        BadCase{"fixed_expert_outside",
                [](Profile&, SolveRequest& r) { r.fixed = {{.expert = -2, .pattern = dense()}}; },
                "fixed[0].expert: -2 is not one of 0..0 nor -1"},
        BadCase{"dense_takes_no_time",
                [](Profile& p, SolveRequest& r) {
                  r.budget_kind = BudgetKind::kAttentionShare;
                  p.cost = {.device = "none", .kernel = "none", .layout = p.layout};
                  p.cost.milliseconds.assign(p.candidates.size(), 0.0);
                },
                "the profile's cost table gives dense 0 ms"},
        BadCase{"dense_forbidden",
                [](Profile&, SolveRequest& r) { r.forbidden = {PatternKind::kDense}; },
                "forbidden: dense cannot be"},
        BadCase{"time_without_cost_table",
                [](Profile&, SolveRequest& r) { r.budget_kind = BudgetKind::kAttentionShare; },
                "attention_share needs a cost table"},
        BadCase{"no_dense_candidate", [](Profile& p, SolveRequest&) { p.candidates[0] = skip(); },
                "the profile has no dense candidate"},
        BadCase{"damaged_profile", [](Profile& p, SolveRequest&) { p.head_error.pop_back(); },
                "head_error"}),
    [](const auto& tested) { return std::string(tested.param.why); });

}  // namespace
}  // namespace twill::search
