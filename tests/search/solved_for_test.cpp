// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/solved_for.h"
#include "refusal.h"

#include <gtest/gtest.h>

#include "search/synthetic_profile.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_facts.h"
#include "twill/plan/profile.h"

namespace twill::search {
namespace {

TEST(SolvedFor, what_version_1_0_kept_is_read) {
  const Provenance provenance{{"device", "a test's"}, {"steps", "4"},         {"shift", "8.0"},
                              {"sampler", "unipc"},   {"t", "1 0.96 0.3125"}, {"grid", "13x20x24"}};
  EXPECT_EQ(solved_for(provenance, "plan"), (SolvedFor{.steps = 4,
                                                       .shift = 8.0,
                                                       .sampler = "unipc",
                                                       .t = {1.0, 0.96, 0.3125},
                                                       .grid = std::array{13, 20, 24}}));
}

RunFacts theirs() {
  return {.t = {1.0, 0.9, 0.3},
          .expert = {},
          .weight = {},
          .sampler = "uni_pc",
          .scheduler = "beta",
          .shift = {},
          .grid = {3, 4, 5},
          .steps = 3};
}

TEST(SolvedFor, typed_facts_are_all_that_counts) {
  auto profile = std::make_shared<Profile>();
  profile->run = theirs();
  profile->provenance = {{"steps", "many"}, {"shift", "?"}, {"sampler", "euler"}, {"t", "1000"}};
  const SolvedFor measured = solved_for(*profile);
  EXPECT_TRUE(measured.typed);
  EXPECT_EQ(measured.t, theirs().t);
  EXPECT_EQ(measured.sampler, "uni_pc");
  EXPECT_EQ(measured.scheduler, "beta");
  EXPECT_EQ(measured.shift, std::nullopt);
  Plan plan;
  plan.profile = profile;
  plan.provenance = {{"source", "somewhere"}};
  EXPECT_EQ(solved_for(plan), measured) << "the plan says nothing";
  plan.solved_for = RunFacts{.t = {0.5}, .sampler = "euler", .grid = {1, 1, 1}, .steps = 1};
  plan.provenance = {{"steps", "many"}};
  EXPECT_EQ(solved_for(plan).t, std::vector<double>{0.5});
  EXPECT_EQ(solved_for(plan).scheduler, std::nullopt) << "nothing of the profile's run is mixed in";
  plan.solved_for.reset();
  plan.provenance = {{"steps", "4"}};
  EXPECT_TRUE(solved_for(plan).t.empty()) << "those of the profile are of another run";
}

TEST(SolvedFor, weights_and_experts_that_are_told_hold) {
  Profile profile;
  profile.model.experts = {"high_noise", "low_noise"};
  profile.expert_boundary = 0.95;
  SolvedFor run{.t = {1.0, 0.9}};
  EXPECT_EQ(forwards_of_run(profile, run), forwards_of_run({1.0, 0.9}, {0, 1}));
  run.expert = {0, 0};
  EXPECT_EQ(forwards_of_run(profile, run), forwards_of_run({1.0, 0.9}, {0, 0}));
  EXPECT_EQ(forwards_of_run(profile, run, 1.0), forwards_of_run({1.0, 0.9}, {0, 1}))
      << "a boundary that somebody asks for comes first";
  run.weight = {0.5, 4.0};
  EXPECT_EQ(forwards_of_run(profile, run)[1], (Forward{.t = 0.9, .expert = 0, .weight = 4.0}));
}

TEST(SolvedFor, a_plan_comes_before_its_profile) {
  auto profile = std::make_shared<Profile>();
  profile->provenance = {{"steps", "20"}, {"shift", "3.0"}, {"sampler", "euler"}};
  Plan plan;
  plan.provenance = {{"steps", "4"}, {"grid", "13x20x24"}, {"shift", ""}};
  EXPECT_EQ(solved_for(plan).shift, std::nullopt);
  plan.profile = profile;
  const SolvedFor run = solved_for(plan);
  EXPECT_EQ(run.steps, 4);
  EXPECT_EQ(run.shift, 3.0);
  EXPECT_EQ(run.sampler, "euler");
  EXPECT_EQ(run.grid, (std::array{13, 20, 24}));
}

TEST(SolvedFor, what_cannot_be_read_is_named) {
  const auto refusal = [](const char* key, const char* value) -> std::string {
    return tests::refusal([&] { solved_for({{key, value}}, "plan"); }, ErrorCode::kFile);
  };
  EXPECT_EQ(refusal("steps", "many"), "the plan's steps \"many\" is not a positive number");
  EXPECT_EQ(refusal("steps", "2.5"), "the plan's steps \"2.5\" is not a whole number in 1..1000");
  EXPECT_EQ(refusal("steps", "1001"), "the plan's steps \"1001\" is not a whole number in 1..1000");
  EXPECT_EQ(refusal("shift", "-3"), "the plan's shift \"-3\" is not a positive number");
  EXPECT_EQ(refusal("t", "1 0.5 2"), "the plan's t \"1 0.5 2\" is no list of times in 0..1");
  EXPECT_EQ(refusal("t", "1,0.5"), "the plan's t \"1,0.5\" is no list of times in 0..1");
  for (const char* grid : {"13x20", "13x20x", "13x20x0", "13x20x24x1", "a", "13 20 24"}) {
    EXPECT_EQ(refusal("grid", grid),
              concat("the plan's grid \"", grid, "\" is not FRAMESxROWSxCOLUMNS"));
  }
}

TEST(SolvedFor, every_solved_plan_says_its_run) {
  const test::ProfileShape shape;
  const auto profile =
      test::synthetic_profile(shape, test::some_candidates(shape.layout, 6), /*seed=*/1);
  const TokenLayout layout = layout_at(*profile, {3, 4, 5});
  const SolveRequest request{.forwards = forwards_of_run(*profile, {1.0, 0.75, 0.75, 0.5}),
                             .budget = 0.7,
                             .layout = layout,
                             .sampler = "res_multistep",
                             .scheduler = "beta",
                             .shift = 3.0};
  const Plan plan = solve(profile, request).plan;
  const SolvedFor run = solved_for(plan);
  EXPECT_EQ(run.steps, 3);  // both branches of the guidance are one step
  EXPECT_EQ(run.t, (std::vector<double>{1.0, 0.75, 0.5}));
  EXPECT_EQ(run.grid, (std::array{3, 4, 5}));
  EXPECT_EQ(run.sampler, "res_multistep");
  EXPECT_EQ(run.scheduler, "beta");
  EXPECT_EQ(run.shift, 3.0);
  EXPECT_TRUE(plan.solved_for->weight.empty()) << "the t say them";
  ASSERT_TRUE(plan.budget.has_value());
  EXPECT_EQ(plan.budget->goal, Goal::kDensity);
  EXPECT_EQ(plan.budget->value, 0.7);
  EXPECT_EQ(stated_density(plan), plan.budget->density);
}

TEST(SolvedFor, weights_of_another_kind_are_kept) {
  const test::ProfileShape shape;
  const auto profile =
      test::synthetic_profile(shape, test::some_candidates(shape.layout, 6), /*seed=*/1);
  const SolveRequest request{.forwards = forwards_at({1.0, 0.75, 0.5}), .budget = 0.7};
  const Plan plan = solve(profile, request).plan;
  EXPECT_EQ(forwards_of_run(*profile, solved_for(plan)), request.forwards);
}

TEST(Budget, of_version_1_0_is_read_as_far_as_it_is_known) {
  Plan plan;
  plan.provenance["budget"] = "density 0.4";
  EXPECT_EQ(budget_of(plan), (Budget{.goal = Goal::kDensity, .value = 0.4}));
  plan.provenance["budget"] = "attention_share 0.25";
  EXPECT_EQ(budget_of(plan), (Budget{.goal = Goal::kAttentionShare, .value = 0.25}));
  plan.provenance["budget"] = "density 0.31, for PSNR in dB, at least 30";
  EXPECT_EQ(budget_of(plan)->value, 0.31);
  for (const char* unknown : {"", "density", "beauty 3", "density of my own"}) {
    plan.provenance["budget"] = unknown;
    EXPECT_EQ(budget_of(plan), std::nullopt) << unknown;
  }
}

TEST(FixedHeads, of_a_plan_without_facts_stay_text_and_of_others_are_typed) {
  Plan plan;
  plan.model = {.family = "made-up",
                .experts = {"a", "b"},
                .stacks = {{.name = "s", .layers = 2, .heads = 3}, {"u", 1, 2}},
                .head_dim = 64};
  const std::vector<FixedHead> heads{{.expert = 0, .stack = 0, .layer = 1, .head = 2},
                                     {.expert = 1, .stack = 1, .layer = 0, .head = 1}};
  keep_fixed_heads({heads[1], heads[0]}, plan);
  EXPECT_EQ(plan.provenance.at("studio_fixed_heads"), "0:5 1:7");
  EXPECT_EQ(fixed_heads(plan), heads);
  EXPECT_FALSE(has_facts(plan));
  plan.provenance["studio_fixed_heads"] = "0:5 2:1 x 0:99 :";
  EXPECT_EQ(fixed_heads(plan), std::vector<FixedHead>{heads[0]});
  plan.dense_first_layers = 0;
  EXPECT_TRUE(fixed_heads(plan).empty()) << "its words are for people now";
  keep_fixed_heads(heads, plan);
  EXPECT_EQ(plan.fixed_heads, heads);
}

TEST(SolvedAgain, says_the_new_solve_and_keeps_the_rest) {
  Plan before;
  before.name = "mine";
  before.model.stacks = {{.name = "s", .layers = 2, .heads = 3}};
  before.schema_minor = 7;
  before.newer_fields = {{"licence", "1"}};
  before.provenance = {{"source", "mine"},
                       {"device", "a test's"},
                       {"density", "0.4"},
                       {"budget", "density 0.4"},
                       {"steps", "20"},
                       {"grid", "1x2x3"},
                       {"dense_first_layers", "1"},
                       {"studio_fixed_heads", "0:4"}};
  Plan solved;
  solved.model = before.model;
  solved.provenance = {{"source", "twill search"}, {"density", "0.25"}, {"strategy", "solver"}};
  solved.solved_for = theirs();
  solved.budget = Budget{.value = 0.25, .density = 0.25};
  keep_the_rest(before, solved);
  EXPECT_EQ(solved.name, "mine");
  EXPECT_EQ(solved.provenance,
            (Provenance{{"source", "mine"}, {"device", "a test's"}, {"density", "0.25"}}));
  EXPECT_EQ(solved.solved_for, theirs());
  EXPECT_EQ(solved.budget->value, 0.25);
  EXPECT_EQ(solved.dense_first_layers, 1);
  EXPECT_EQ(solved.fixed_heads, std::vector<FixedHead>{(FixedHead{.layer = 1, .head = 1})});
  EXPECT_EQ(solved.newer_fields, before.newer_fields);
  EXPECT_EQ(solved.schema_minor, 7);
}

}  // namespace
}  // namespace twill::search
