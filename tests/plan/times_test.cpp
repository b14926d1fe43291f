// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What holds at a t: the segment, and of two experts the one that runs.
#include <gtest/gtest.h>

#include <limits>

#include "refusal.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"
#include "twill/plan/experts.h"
#include "twill/plan/profile.h"

namespace twill {
namespace {

template <typename Call>
std::string refusal(const Call& call) {
  return tests::refusal(call, ErrorCode::kUsage);
}

// Below t 0.5 and above: expert 0 dense, expert 1 skipped.
Plan of_two() {
  Plan plan{.name = "two"};
  plan.model = {.family = "wan2.2-t2v",
                .experts = {"high_noise", "low_noise"},
                .stacks = {{.name = "blocks", .layers = 1, .heads = 2}},
                .head_dim = 64};
  plan.patterns = {dense(), skip()};
  const std::vector<std::vector<HeadPlan>> heads{{{0}, {0}}, {{1}, {1}}};
  plan.segments = {{.t_begin = 0.0, .t_end = 0.5, .heads = heads},
                   {.t_begin = 0.5, .t_end = 1.0, .heads = heads}};
  return plan;
}

constexpr TokenLayout kLayout{.frames = 2, .rows = 4, .cols = 4};

TEST(Times, OutsideZeroToOneAreRefusedByTheirValue) {
  const Plan plan = of_two();
  const CompiledPlan compiled(plan, kLayout, 1);
  const auto sentence = [](const char* t) {
    return concat("t ", t,
                  " is not within 0..1 (a model's timestep divided by its training range)");
  };
  struct Case {
    double t;
    const char* text;
  };
  for (const Case& at : {Case{500.0, "500"}, Case{1.5, "1.5"}, Case{-1.0, "-1"},
                         Case{std::numeric_limits<double>::infinity(), "inf"},
                         Case{std::numeric_limits<double>::quiet_NaN(), "nan"}}) {
    EXPECT_EQ(refusal([&] { segment_at(plan, at.t); }), sentence(at.text));
    EXPECT_EQ(refusal([&] {
                run_density(compiled, plan, {1.0, at.t}, {0, 0});
              }),
              sentence(at.text));
  }
}

TEST(Times, ARoundingPastTheEndsIsTheEnd) {
  const Plan plan = of_two();
  EXPECT_EQ(segment_at(plan, 8.1 / (1.0 + (8.1 - 1.0)) + 1e-15), 1);
  EXPECT_EQ(segment_at(plan, -1e-9), 0);
  EXPECT_EQ(segment_at(plan, 0.0), 0);
  EXPECT_EQ(segment_at(plan, 0.5), 0);
  EXPECT_EQ(segment_at(plan, 1.0), 1);
}

TEST(Experts, ADensityIsThatOfTheOneThatRuns) {
  Plan plan = of_two();
  plan.provenance[kExpertBoundaryKey] = "0.75";
  const CompiledPlan compiled(plan, kLayout, 1);
  EXPECT_EQ(experts_at(plan, {1.0, 0.75, 0.74}), (std::vector<std::int32_t>{0, 0, 1}));
  EXPECT_DOUBLE_EQ(run_density(compiled, plan, {1.0, 0.8, 0.6, 0.4}), 0.5);
  EXPECT_DOUBLE_EQ(run_density(compiled, plan, {1.0, 0.8, 0.6, 0.4}, {1, 1, 1, 1}), 0.0)
      << "what is told comes before the plan";
  EXPECT_EQ(experts_within(plan, 0.0, 0.5), std::vector<std::int32_t>{1});
  EXPECT_EQ(experts_within(plan, 0.5, 1.0), (std::vector<std::int32_t>{0, 1}));
  EXPECT_EQ(experts_within(plan, 0.75, 1.0), std::vector<std::int32_t>{0})
      << "t = 0.75 is no more than an edge";
}

TEST(Experts, TheBoundaryMayStandInTheProfileOfThePlan) {
  Plan plan = of_two();
  Profile profile;
  profile.provenance[kExpertBoundaryKey] = "0.25";
  plan.profile = std::make_shared<const Profile>(profile);
  EXPECT_EQ(experts_at(plan, {0.3, 0.2}), (std::vector<std::int32_t>{0, 1}));
  plan.provenance[kExpertBoundaryKey] = "0.5";
  EXPECT_EQ(experts_at(plan, {0.3, 0.2}), (std::vector<std::int32_t>{1, 1}));
}

TEST(Experts, ATypedBoundaryIsTheOneThatHoldsAndWordsAreNotRead) {
  Plan plan = of_two();
  plan.provenance[kExpertBoundaryKey] = "late";
  plan.expert_boundary = 0.5;
  EXPECT_EQ(experts_at(plan, {0.6, 0.4}), (std::vector<std::int32_t>{0, 1}));
  plan.expert_boundary.reset();
  plan.dense_first_layers = 0;
  EXPECT_EQ(expert_boundary(plan), std::nullopt) << "a plan with typed facts says none";
  Profile profile;
  profile.expert_boundary = 0.25;
  profile.provenance[kExpertBoundaryKey] = "late";
  plan.profile = std::make_shared<const Profile>(profile);
  EXPECT_EQ(experts_at(plan, {0.3, 0.2}), (std::vector<std::int32_t>{0, 1}));
}

TEST(Experts, WithoutABoundaryAnyMayRunAndNoDensityIsMadeUp) {
  const Plan plan = of_two();
  const CompiledPlan compiled(plan, kLayout, 1);
  EXPECT_EQ(experts_within(plan, 0.0, 0.5), (std::vector<std::int32_t>{0, 1}));
  EXPECT_EQ(refusal([&] {
              run_density(compiled, plan, {1.0, 0.5});
            }),
            "the plan is of a model with two experts and does not say below which t the second one "
            "runs (expert_boundary)");
  EXPECT_DOUBLE_EQ(run_density(compiled, plan, {1.0, 0.5}, {0, 1}), 0.5);
}

TEST(Experts, AModelWithOneNeedsNoBoundary) {
  Plan plan = of_two();
  plan.model.experts = {"default"};
  for (Segment& segment : plan.segments) {
    segment.heads = {{{1}, {0}}};
  }
  plan.provenance[kExpertBoundaryKey] = "of no use";
  EXPECT_EQ(experts_within(plan, 0.0, 0.5), std::vector<std::int32_t>{0});
  EXPECT_DOUBLE_EQ(run_density(CompiledPlan(plan, kLayout, 1), plan, {1.0, 0.5}), 0.5);
}

}  // namespace
}  // namespace twill
