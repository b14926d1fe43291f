// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "plan/sample_plans.h"

#include <gtest/gtest.h>

namespace twill::test {

namespace {

ModelShape full_model() {
  return {.family = "made-up",
          .experts = {"high_noise", "low_noise"},
          .stacks = {{.name = "double_blocks", .layers = 1, .heads = 2},
                     {.name = "single_blocks", .layers = 2, .heads = 3}},
          .head_dim = 128};
}

}  // namespace

Plan small_plan() {
  Plan plan;
  plan.name = "small";
  plan.model = {.family = "wan2.1-t2v",
                .experts = {"default"},
                .stacks = {{.name = "blocks", .layers = 2, .heads = 3}},
                .head_dim = 64};
  plan.patterns = {dense(), make_pattern(Diagonal{1.5}), make_pattern(Window{2, 0.13, 0.25})};
  plan.segments = {{.t_begin = 0.0, .t_end = 0.75, .heads = {{{0}, {1}, {2}, {2}, {1}, {1}}}},
                   {.t_begin = 0.75, .t_end = 1.0, .dense = true}};
  plan.provenance = {{"source", "written by hand for a test"}};
  return plan;
}

Profile full_profile() {
  Profile profile;
  profile.model = full_model();
  profile.layout = {.prefix = 0, .frames = 5, .rows = 6, .cols = 7, .suffix = 4};
  profile.candidates = {dense(), skip(), make_pattern(Diagonal{0.5}),
                        make_union({Diagonal{0.25}, VerticalStripe{{{0, 1}}}})};
  profile.t = {0.9, 0.1};
  profile.prompts = {"a red ball", "ein \"grüner\" Würfel\n日本"};
  profile.seeds = {0, 18446744073709551615u, 9223372036854775807u};
  const std::size_t heads = profile.model.experts.size() * profile.heads();
  for (std::size_t i = 0; i < profile.t.size() * heads * profile.candidates.size(); ++i) {
    profile.head_error.push_back(static_cast<float>(i % 17) / 16.0F);
  }
  for (std::size_t i = 0; i < profile.t.size() * heads; ++i) {
    profile.gain.push_back(1.0F / static_cast<float>(i + 1));
  }
  profile.map_size = 3;
  for (std::size_t i = 0; i < heads * 9; ++i) {
    profile.maps.push_back(static_cast<std::uint8_t>(i * 29));
  }
  profile.cost = {.device = "a test's device",
                  .kernel = "reference 1",
                  .layout = profile.layout,
                  .milliseconds = {4.0, 0.0, 0.1, 1e-7}};
  profile.provenance = {{"created", "2026"}};
  return profile;
}

Plan full_plan() {
  Plan plan;
  plan.name = "full";
  plan.model = full_model();
  plan.patterns = {
      dense(),
      skip(),
      mean(),
      make_pattern(Diagonal{0.1}, TokenOrder{OrderKind::kRaster}),
      make_pattern(MultiDiagonal{2, 0.0, 1.0 / 3.0}, TokenOrder{OrderKind::kTimeFastest}),
      make_pattern(VerticalStripe{{{0, 1, 0.0, 1.0, 0.0, 1.0}, {2, 9, 0.25, 0.5, 0.0, 0.75}}}),
      make_pattern(Window{1, 0.5, 0.25, -2, 0.125, -0.5}, TokenOrder{OrderKind::kTiles, 4, 4, 8}),
      make_union({Diagonal{0.25}, MultiDiagonal{1, 0.0, 0.0}, VerticalStripe{{{0, 1}}}, Window{}}),
  };
  plan.segments = {
      {.t_begin = 0.0,
       .t_end = 0.3,
       .heads = {{{0}, {1}, {2}, {3}, {4}, {5}, {6}, {7}},
                 {{7}, {6}, {5}, {4}, {3}, {2}, {1}, {0}}}},
      {.t_begin = 0.3,
       .t_end = 0.875,
       .heads = {std::vector<HeadPlan>(8, HeadPlan{3}), std::vector<HeadPlan>(8, HeadPlan{7})}},
      {.t_begin = 0.875, .t_end = 1.0, .dense = true}};
  plan.provenance = {{"commit", "0123456"}, {"source", "our own search"}};
  plan.profile = std::make_shared<const Profile>(full_profile());
  return plan;
}

Profile measured_profile() {
  Profile profile = full_profile();
  profile.schema_minor = 1;
  profile.run = RunFacts{.t = {1.0, 0.96875, 0.96875, 0.5, 0.0625},
                         .expert = {0, 0, 0, 1, 1},
                         .weight = {0.25, 0.5, 0.5, 2.0, 0.0},
                         .sampler = "uni_pc",
                         .scheduler = "日 beta",
                         .shift = {},
                         .grid = {5, 6, 7},
                         .steps = 4};
  profile.expert_boundary = 0.875;
  profile.time_weight = TimeWeight{.t = {0.0, 0.5, 1.0}, .weight = {1.0, 0.0, 16.5}};
  // Words of people under the keys that version 1.0 read.
  profile.provenance = {{"steps", "a few"}, {"t", "many"}, {"time_weight", "{"}};
  return profile;
}

Plan solved_plan() {
  Plan plan = full_plan();
  plan.name = "solved";
  plan.schema_minor = 1;
  plan.solved_for = RunFacts{.t = {1.0, 0.75, 0.3},
                             .expert = {},
                             .weight = {},
                             .sampler = "unipc",
                             .scheduler = {},
                             .shift = 8.0,
                             .grid = {13, 20, 24},
                             .steps = 3};
  plan.budget = Budget{.goal = Goal::kPsnr, .value = 30.0, .density = 0.3125};
  plan.dense_first_layers = 2;
  plan.fixed_heads = {{.expert = 0, .stack = 1, .layer = 1, .head = 2},
                      {.expert = 1, .stack = 0, .layer = 0, .head = 1}};
  plan.expert_boundary = 0.9;
  plan.provenance = {{"source", "our own search"}, {"steps", "some"}, {"expert_boundary", "low"}};
  plan.profile = std::make_shared<const Profile>(measured_profile());
  return plan;
}

Profile precise_profile() {
  Profile profile = measured_profile();
  profile.schema_minor = 2;
  for (std::size_t i = 0; i < profile.gain.size(); ++i) {
    profile.int8_error.push_back(static_cast<float>(i) / 4096.0F);
  }
  return profile;
}

Plan precise_plan() {
  Plan plan = solved_plan();
  plan.name = "precise";
  plan.schema_minor = 2;
  plan.segments[0].heads[0][0].precision = Precision::kInt8;  // dense
  plan.segments[0].heads[0][2].precision = Precision::kInt8;  // a mean: it has no products
  plan.segments[0].heads[1][2].precision = Precision::kInt8;
  plan.segments[1].heads[1][7].precision = Precision::kInt8;
  plan.profile = std::make_shared<const Profile>(precise_profile());
  return plan;
}

void expect_same(const Profile& a, const Profile& b) {
  EXPECT_EQ(a.model, b.model);
  EXPECT_EQ(a.layout, b.layout);
  EXPECT_EQ(a.candidates, b.candidates);
  EXPECT_EQ(a.t, b.t);
  EXPECT_EQ(a.prompts, b.prompts);
  EXPECT_EQ(a.seeds, b.seeds);
  EXPECT_EQ(a.head_error, b.head_error);
  EXPECT_EQ(a.gain, b.gain);
  EXPECT_EQ(a.int8_error, b.int8_error);
  EXPECT_EQ(a.map_size, b.map_size);
  EXPECT_EQ(a.maps, b.maps);
  EXPECT_EQ(a.cost.device, b.cost.device);
  EXPECT_EQ(a.cost.kernel, b.cost.kernel);
  EXPECT_EQ(a.cost.layout, b.cost.layout);
  EXPECT_EQ(a.cost.milliseconds, b.cost.milliseconds);
  EXPECT_EQ(a.run, b.run);
  EXPECT_EQ(a.expert_boundary, b.expert_boundary);
  EXPECT_EQ(a.time_weight, b.time_weight);
  EXPECT_EQ(a.provenance, b.provenance);
  EXPECT_EQ(a.schema_minor, b.schema_minor);
  EXPECT_EQ(a.newer_fields, b.newer_fields);
}

void expect_same(const Plan& a, const Plan& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.model, b.model);
  EXPECT_EQ(a.patterns, b.patterns);
  EXPECT_EQ(a.segments, b.segments);
  EXPECT_EQ(a.solved_for, b.solved_for);
  EXPECT_EQ(a.budget, b.budget);
  EXPECT_EQ(a.dense_first_layers, b.dense_first_layers);
  EXPECT_EQ(a.fixed_heads, b.fixed_heads);
  EXPECT_EQ(a.expert_boundary, b.expert_boundary);
  EXPECT_EQ(a.provenance, b.provenance);
  EXPECT_EQ(a.schema_minor, b.schema_minor);
  EXPECT_EQ(a.newer_fields, b.newer_fields);
  ASSERT_EQ(a.profile != nullptr, b.profile != nullptr);
  if (a.profile) {
    expect_same(*a.profile, *b.profile);
  }
}

}  // namespace twill::test
