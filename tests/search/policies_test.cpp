// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/policies.h"

#include <gtest/gtest.h>

#include <cmath>

#include "search/synthetic_profile.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"
#include "twill/search/ledger.h"
#include "twill/search/plan_solving.h"

namespace twill::search {
namespace {

std::shared_ptr<Profile> demo_like_profile() {
  const test::ProfileShape shape{.layers = 12,
                                 .heads = 4,
                                 .layout = {.frames = 13, .rows = 16, .cols = 16},
                                 .t = {1.0, 0.9, 0.7, 0.4, 0.1}};
  return test::synthetic_profile(shape, test::some_candidates(shape.layout, 60), 2);
}

SolveRequest request_for(double budget, std::int32_t dense_first, std::int32_t segments) {
  std::vector<double> t;
  for (int i = 0; i < 20; ++i) {
    t.push_back(1.0 - i / 20.0);
  }
  SolveRequest request;
  request.forwards = forwards_at(t);
  request.budget = budget;
  request.dense_first_steps = dense_first;
  request.dense_last_steps = 0;
  request.max_segments = segments;
  return request;
}

double measured_density(const SolveRequest& request, const TokenLayout& layout, const Plan& plan) {
  std::vector<double> t;
  for (const Forward& forward : request.forwards) {
    t.push_back(forward.t);
  }
  return run_density(CompiledPlan(plan, layout), plan, t);
}

TEST(Policies, SpendTheSameDensity) {
  const auto profile = demo_like_profile();
  for (const double budget : {0.25, 0.4, 0.5}) {
    for (const std::int32_t dense_first : {0, 2, 4}) {
      for (const auto& [policy, name] : kPolicyNames) {
        const SolveRequest request = request_for(budget, dense_first, 1);
        // The sparsest masks of these rules have densities of 0.192 and 0.075 here.
        const double least = policy == Policy::kRadial ? 0.192
                             : policy == Policy::kSvg  ? 0.075
                                                       : 0.0;
        const double dense_share = dense_first / 20.0;
        if (budget < dense_share + (1.0 - dense_share) * least + 0.001) {
          continue;
        }
        const PolicyPlan made = make_policy_plan(policy, profile, request);
        const double density = measured_density(request, profile->layout, made.result.plan);
        EXPECT_NEAR(density, made.result.density, 1e-9) << name;
        EXPECT_LE(density, budget + 1e-8) << name << " " << dense_first;
        EXPECT_GE(density, budget - 0.003) << name << " " << dense_first;
        EXPECT_GE(made.result.dense_first_steps, dense_first) << name;
      }
    }
  }
}

TEST(Policies, TheSolverPredictsTheLeastError) {
  const auto profile = demo_like_profile();
  const SolveRequest request = request_for(0.4, 2, 1);
  const double solver = make_policy_plan(Policy::kSolver, profile, request).result.predicted_error;
  for (const Policy policy : {Policy::kPaperGreedy, Policy::kSinglePattern}) {
    EXPECT_LT(solver, make_policy_plan(policy, profile, request).result.predicted_error)
        << policy_name(policy);
  }
}

// Equation 2 by hand: two heads, two candidates beside dense.
TEST(PaperGreedy, TakesTheLeastLossAndDenseAboveEpsilon) {
  const TokenLayout layout{.frames = 4, .rows = 16, .cols = 16};
  const Pattern narrow = make_pattern(Window{.frames = 0, .rows = 1.0, .cols = 1.0});
  const test::ProfileShape shape{.layers = 1, .heads = 2, .layout = layout, .t = {0.5}};
  auto profile = test::synthetic_profile(shape, {dense(), skip(), narrow}, 1);
  const double s =
      static_cast<double>(pattern_tiles(narrow, layout)) / static_cast<double>(dense_tiles(layout));
  ASSERT_NEAR(s, 0.25, 1e-12);
  // Head 0 loses little either way, head 1 much.
  profile->head_error = {0.0f, 0.10f, 0.02f, 0.0f, 0.9f, 0.5f};
  SolveRequest request;
  request.forwards = forwards_at({0.5});
  request.max_segments = 1;
  // lambda 0.2: head 0 has L = 0.10 (skip) and 0.07 (narrow); head 1 has 0.9 and 0.55.
  request.budget = 0.625;
  const std::vector<PolicyPlan> plans = paper_greedy_plans(profile, request, {0.2});
  ASSERT_EQ(plans.size(), 1u);
  const Plan& plan = plans[0].result.plan;
  ASSERT_EQ(plan.segments.size(), 1u);
  const auto pattern = [&](std::size_t head) {
    return plan.patterns[static_cast<std::size_t>(plan.segments[0].heads[0][head].pattern)];
  };
  EXPECT_EQ(pattern(0), narrow);
  EXPECT_EQ(pattern(1), dense());
  EXPECT_EQ(plans[0].result.lambda, 0.2);
  EXPECT_NEAR(plans[0].result.epsilon.value(), 0.02 + 0.2 * s, 1e-7);
  EXPECT_NEAR(plans[0].own_measure, 0.02, 1e-7);
  // A great lambda prefers what saves most.
  request.budget = 0.5;
  const std::vector<PolicyPlan> greedy = paper_greedy_plans(profile, request, {5.0});
  EXPECT_EQ(greedy[0].result.plan.patterns[1], skip());
}

TEST(PaperGreedy, OnePlanPerLambdaBestByItsOwnMeasureFirst) {
  const std::vector<PolicyPlan> plans =
      paper_greedy_plans(demo_like_profile(), request_for(0.7, 2, 1));
  ASSERT_GE(plans.size(), 4u);
  for (std::size_t i = 1; i < plans.size(); ++i) {
    EXPECT_GE(plans[i].own_measure, plans[i - 1].own_measure);
    EXPECT_NE(plans[i].result.lambda, plans[i - 1].result.lambda);
  }
}

TEST(PaperGreedy, ItsNumbersAreValuesAndShown) {
  auto profile = demo_like_profile();
  profile->provenance = {{"lambda", "many"}};
  const RunFacts run{.t = {0.9, 0.7, 0.5, 0.3}};
  SolveOptions options{.policy = Policy::kPaperGreedy, .budget = 0.6};
  for (const SolveResult& result : solve_plans(profile, run, options, 3)) {
    ASSERT_TRUE(result.lambda && result.epsilon);
    EXPECT_EQ(std::stod(result.plan.provenance.at("lambda")), *result.lambda);
    EXPECT_EQ(std::stod(result.plan.provenance.at("epsilon")), *result.epsilon);
  }
  options.policy = Policy::kSolver;
  const SolveResult other = solve_plan(profile, run, options);
  EXPECT_FALSE(other.lambda || other.epsilon);
}

TEST(PaperGreedy, StretchesHaveTheirOwnTables) {
  const PolicyPlan made =
      make_policy_plan(Policy::kPaperGreedy, demo_like_profile(), request_for(0.4, 2, 3));
  std::size_t sparse = 0;
  for (const Segment& segment : made.result.plan.segments) {
    sparse += segment.dense ? 0 : 1;
  }
  EXPECT_EQ(sparse, 3u);
}

TEST(SinglePattern, IsTheSameForAllHeadsButTheFirstLayers) {
  const auto profile = demo_like_profile();
  const std::vector<PolicyPlan> plans = single_pattern_plans(profile, request_for(0.4, 3, 1));
  ASSERT_FALSE(plans.empty());
  for (const PolicyPlan& made : plans) {
    const Plan& plan = made.result.plan;
    const Segment& sparse = plan.segments.front();
    ASSERT_FALSE(sparse.dense);
    std::size_t head = 0;
    const auto pattern = [&] {
      return plan.patterns[static_cast<std::size_t>(sparse.heads[0][head].pattern)];
    };
    while (head < 48 && pattern() == dense()) {
      ++head;
    }
    EXPECT_LE(head, 12u) << describe(
        made.patterns[0]);  // a tenth of the cost, at a density under 0.3
    if (head < 48 && pattern() != made.patterns[0]) {
      ++head;  // the one head that fills the budget
    }
    for (; head < 48; ++head) {
      EXPECT_EQ(pattern(), made.patterns[0]);
    }
  }
}

// Heads of a sparse segment that are neither dense nor the one that fills the budget.
std::vector<Pattern> ruled_patterns(const PolicyPlan& made) {
  std::vector<Pattern> patterns;
  const Plan& plan = made.result.plan;
  for (const HeadPlan& head : plan.segments.front().heads[0]) {
    patterns.push_back(plan.patterns[static_cast<std::size_t>(head.pattern)]);
  }
  return patterns;
}

TEST(Policies, RulesOfOthersChooseAmongTheirOwnPatterns) {
  const auto profile = demo_like_profile();
  for (const auto& [policy, most] : {std::pair(Policy::kSvg, 2u), std::pair(Policy::kRadial, 1u),
                                     std::pair(Policy::kSta, 99u)}) {
    for (const PolicyPlan& made : policy_plans(policy, profile, request_for(0.4, 2, 1))) {
      EXPECT_LE(made.patterns.size(), most) << policy_name(policy);
      std::size_t others = 0;
      for (const Pattern& pattern : ruled_patterns(made)) {
        others += pattern != dense() && std::find(made.patterns.begin(), made.patterns.end(),
                                                  pattern) == made.patterns.end();
      }
      EXPECT_LE(others, 1u) << policy_name(policy);
    }
  }
  for (const PolicyPlan& made : sta_plans(profile, request_for(0.4, 2, 1))) {
    for (const Pattern& pattern : made.patterns) {
      EXPECT_EQ(pattern.kind, PatternKind::kWindow);
    }
  }
}

TEST(Policies, SvgTakesTheClassWithTheLessError) {
  const auto profile = demo_like_profile();
  const PolicyPlan made = svg_plans(profile, request_for(0.4, 2, 1)).front();
  ASSERT_EQ(made.patterns.size(), 2u);
  const auto index = [&](const Pattern& pattern) {
    return static_cast<std::size_t>(
        std::find(profile->candidates.begin(), profile->candidates.end(), pattern) -
        profile->candidates.begin());
  };
  // One stretch: errors are summed over the 18 sparse forwards.
  const std::vector<Pattern> chosen = ruled_patterns(made);
  for (std::size_t head = 12; head < 48; ++head) {
    const auto error = [&](const Pattern& pattern) {
      double sum = 0.0;
      for (int step = 2; step < 20; ++step) {
        const TimeBlend blend = blend_at(profile->t, 1.0 - step / 20.0);
        const auto at = [&](std::size_t t) {
          return static_cast<double>(profile->error_at(t, 0, head, index(pattern)));
        };
        sum += at(blend.first) * (1.0 - blend.second_share) + at(blend.second) * blend.second_share;
      }
      return sum;
    };
    const Pattern& better =
        error(made.patterns[0]) <= error(made.patterns[1]) ? made.patterns[0] : made.patterns[1];
    if (std::find(made.patterns.begin(), made.patterns.end(), chosen[head]) !=
        made.patterns.end()) {
      EXPECT_EQ(chosen[head], better) << head;
    }
  }
}

TEST(Policies, ToldDenseLayersAreDenseInAllOfThem) {
  const auto profile = demo_like_profile();
  for (const auto& [policy, name] : kPolicyNames) {
    SolveRequest request = request_for(0.5, 2, 1);
    request.dense_first_layers = 2;
    const PolicyPlan made = make_policy_plan(policy, profile, request);
    EXPECT_LE(made.result.density, 0.5 + 1e-8) << name;
    const std::vector<Pattern> chosen = ruled_patterns(made);
    for (std::size_t head = 0; head < 8; ++head) {
      EXPECT_EQ(chosen[head], dense()) << name << ", head " << head;
    }
  }
}

TEST(Policies, BudgetsThatCannotBeMetAreNamed) {
  const auto profile = demo_like_profile();
  for (const auto& [policy, name] : kPolicyNames) {
    try {
      make_policy_plan(policy, profile, request_for(0.2, 10, 1));
      ADD_FAILURE() << name << ": no error";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("budget: 0.2 is below 0.5"), std::string::npos)
          << error.what();
    }
  }
}

// Two heads, one candidate beside dense: by head error the first goes sparse, by gain the second.
TEST(Measures, RulesAndSolverCountWhatTheyAreAskedTo) {
  const TokenLayout layout{.frames = 4, .rows = 16, .cols = 16};
  auto profile = test::synthetic_profile(
      {.layers = 1, .heads = 2, .layout = layout, .t = {1.0, 0.1}}, {dense(), skip()}, 1);
  // [t][head][candidate] and [t][head]: at t = 1 as told above; at 0.1 head 0 loses least by
  // either.
  profile->head_error = {0.0f, 0.1f, 0.0f, 0.2f, 0.0f, 0.01f, 0.0f, 0.02f};
  profile->gain = {1.0f, 0.1f, 1.0f, 1.0f};
  SolveRequest request;
  request.forwards = forwards_at({1.0, 0.1});
  request.dense_first_steps = 0;
  request.dense_last_steps = 0;
  request.max_segments = 1;
  request.budget = 0.5;
  const auto sparse_head = [&](Policy policy, std::optional<Measure> measure) {
    request.measure = measure;
    const Plan plan = make_policy_plan(policy, profile, request).result.plan;
    const Segment& segment = plan.segments.front();
    return plan.patterns[static_cast<std::size_t>(segment.heads[0][0].pattern)] == skip() ? 0 : 1;
  };
  for (const Policy policy : {Policy::kSolver, Policy::kPaperGreedy}) {
    EXPECT_EQ(sparse_head(policy, Measure::kHeadError), 0) << policy_name(policy);
    // 0.1 + 0.01 against 0.02 + 0.02.
    EXPECT_EQ(sparse_head(policy, Measure::kGain), 1) << policy_name(policy);
    EXPECT_EQ(sparse_head(policy, Measure::kError), 1) << policy_name(policy);
  }
  // At both t head 1 loses less by gain; with all the weight at t = 0.1 head 0 does.
  profile->gain = {1.0f, 0.1f, 0.5f, 1.0f};
  request.weight = {.t = {0.1, 1.0}, .weight = {1.0, 0.0}};
  EXPECT_EQ(sparse_head(Policy::kSolver, Measure::kGain), 1);
  EXPECT_EQ(sparse_head(Policy::kSolver, Measure::kError), 0);
  EXPECT_EQ(sparse_head(Policy::kPaperGreedy, Measure::kError), 0);
  EXPECT_EQ(sparse_head(Policy::kSolver, std::nullopt), 0);
  // Head errors, for the rules of others: 0.11 against 0.22.
  EXPECT_EQ(sparse_head(Policy::kPaperGreedy, std::nullopt), 0);
}

TEST(Measures, ErrorsArePredictedAlikeWhateverWasCounted) {
  const auto profile = demo_like_profile();
  SolveRequest request = request_for(0.4, 2, 4);
  const SolveResult own = solve(profile, request);
  for (const Measure measure : {Measure::kHeadError, Measure::kGain}) {
    request.measure = measure;
    const SolveResult other = solve(profile, request);
    const Ledger ledger(profile, request.forwards, request.weight, profile->layout);
    EXPECT_NEAR(other.predicted_error, ledger.error(other.plan), 1e-9 * other.predicted_error);
    EXPECT_GT(other.predicted_error, own.predicted_error);
    EXPECT_EQ(other.lower_bound, 0.0);
  }
  EXPECT_GT(own.lower_bound, 0.0);
}

}  // namespace
}  // namespace twill::search
