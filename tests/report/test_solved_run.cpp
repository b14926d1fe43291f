// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include "refusal.h"
#include "twill/plan/error.h"
#include "twill/report/solved_run.h"

namespace twill::report {
namespace {

Profile example() {
  Profile profile;
  profile.layout = {.frames = 13, .rows = 16, .cols = 16};
  profile.t = {1.0, 0.5};
  return profile;
}

std::string refusal(const Profile& profile) {
  return tests::refusal([&] { solved_run(profile); });
}

TEST(SolvedRun, has_the_steps_that_the_provenance_tells) {
  Profile profile = example();
  profile.provenance = {{"steps", "4"}, {"shift", "3.0"}, {"sampler", "euler"}};
  const SolvedRun run = solved_run(profile);
  // t = s u / (1 + (s - 1) u) at u = 1, 3/4, 1/2, 1/4.
  const double wanted[] = {1.0, 0.9, 0.75, 0.5};
  ASSERT_EQ(run.forwards.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(run.forwards[i].t, wanted[i], 1e-6);
  }
  EXPECT_EQ(run.description, "4 steps of euler, shift 3, 13x16x16 tokens");
}

TEST(SolvedRun, falls_back_to_the_profiled_times) {
  const SolvedRun run = solved_run(example());
  ASSERT_EQ(run.forwards.size(), 2u);
  EXPECT_EQ(run.forwards[1].t, 0.5);
  EXPECT_EQ(run.weight, search::default_time_weight());
  EXPECT_EQ(run.description, "one forward at each of 2 profiled t, 13x16x16 tokens");
}

TEST(SolvedRun, knows_which_expert_runs) {
  Profile profile = example();
  profile.model.experts = {"high_noise", "low_noise"};
  profile.provenance = {{"steps", "4"}, {"shift", "3"}, {"expert_boundary", "0.8"}};
  const SolvedRun run = solved_run(profile);
  ASSERT_EQ(run.forwards.size(), 4u);
  for (const search::Forward& forward : run.forwards) {
    EXPECT_EQ(forward.expert, forward.t < 0.8 ? 1 : 0) << forward.t;
  }
  profile.provenance.erase("expert_boundary");
  EXPECT_NE(refusal(profile).find("does not say below which t the second one runs"),
            std::string::npos);
}

TEST(SolvedRun, is_the_one_that_a_plan_was_solved_for) {
  auto profile = std::make_shared<Profile>(example());
  profile->provenance = {{"steps", "20"}, {"shift", "3.0"}, {"sampler", "euler"}};
  Plan plan;
  plan.model = profile->model;
  plan.profile = profile;
  EXPECT_EQ(solved_run(plan).description, "20 steps of euler, shift 3, 13x16x16 tokens");
  plan.provenance = {{"steps", "4"}, {"shift", "8.0"}, {"sampler", "unipc"}, {"grid", "13x20x24"}};
  const SolvedRun run = solved_run(plan);
  EXPECT_EQ(run.description, "4 steps of unipc, shift 8, 13x20x24 tokens");
  EXPECT_EQ(run.forwards.size(), 4u);
  EXPECT_EQ(run.layout.rows, 20);
  EXPECT_EQ(run.layout.cols, 24);
}

TEST(SolvedRun, times_that_are_kept_come_before_what_a_sampler_would_give) {
  auto profile = std::make_shared<Profile>(example());
  profile->provenance = {{"steps", "2"}, {"shift", ""}, {"sampler", "res_multistep"}};
  EXPECT_EQ(solved_run(*profile).description,
            "one forward at each of 2 profiled t, 13x16x16 tokens");
  Plan plan;
  plan.model = profile->model;
  plan.profile = profile;
  plan.provenance = {{"t", "1 0.9 0.3"}, {"sampler", "res_multistep"}};
  const SolvedRun run = solved_run(plan);
  ASSERT_EQ(run.forwards.size(), 3u);
  EXPECT_EQ(run.forwards[2].t, 0.3);
  EXPECT_EQ(run.description, "3 steps of res_multistep, 13x16x16 tokens");
}

TEST(SolvedRun, has_the_times_experts_and_weights_that_are_typed) {
  auto profile = std::make_shared<Profile>(example());
  profile->model.experts = {"high_noise", "low_noise"};
  profile->run = RunFacts{.t = {1.0, 0.9, 0.3},
                          .expert = {0, 0, 1},
                          .weight = {0.5, 1.0, 2.0},
                          .sampler = "uni_pc",
                          .scheduler = "beta",
                          .grid = {13, 16, 16},
                          .steps = 3};
  profile->time_weight = TimeWeight{.t = {0.5}, .weight = {2.0}};
  profile->provenance = {{"steps", "many"}, {"time_weight", "?"}, {"expert_boundary", "?"}};
  const SolvedRun run = solved_run(*profile);
  EXPECT_EQ(run.description, "3 steps of uni_pc, 13x16x16 tokens");
  const std::vector<search::Forward> wanted{{.t = 1.0, .expert = 0, .weight = 0.5},
                                            {.t = 0.9, .expert = 0, .weight = 1.0},
                                            {.t = 0.3, .expert = 1, .weight = 2.0}};
  EXPECT_EQ(run.forwards, wanted);
  EXPECT_EQ(run.weight, (TimeWeight{.t = {0.5}, .weight = {2.0}}));
  Plan plan;
  plan.model = profile->model;
  plan.profile = profile;
  plan.solved_for = RunFacts{.t = {0.75}, .expert = {1}, .grid = {13, 20, 24}, .steps = 1};
  EXPECT_EQ(solved_run(plan).description, "1 steps of another sampler, 13x20x24 tokens");
  EXPECT_EQ(solved_run(plan).forwards.front().expert, 1);
}

TEST(SolvedRun, names_what_cannot_be_read) {
  Profile profile = example();
  profile.provenance = {{"steps", "many"}, {"shift", "3"}};
  EXPECT_EQ(refusal(profile), "the profile's steps \"many\" is not a positive number");
  profile.provenance["steps"] = "4000000";
  EXPECT_EQ(refusal(profile), "the profile's steps \"4000000\" is not a whole number in 1..1000");
}

}  // namespace
}  // namespace twill::report
