// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "twill/plan/error.h"
#include "twill/report/plan_comparison.h"
#include "twill/report/plan_summary.h"
#include "twill/report/sampler_run.h"

namespace twill::report {
namespace {

// Dense above t = 0.5; below it head 1 of layer 1 is skipped and the others take a diagonal.
Plan example() {
  Plan plan{.name = "example"};
  plan.model = {.family = "wan2.1-t2v", .stacks = {{"blocks", 2, 2}}, .head_dim = 64};
  plan.patterns = {skip(), make_pattern(Diagonal{.reach = 0.5})};
  Segment sparse{.t_begin = 0.0, .t_end = 0.5};
  sparse.heads = {{{1}, {1}, {1}, {0}}};
  plan.segments = {sparse, {.t_begin = 0.5, .t_end = 1.0, .dense = true}};
  return plan;
}

TEST(PlanSummary, counts_heads_by_pattern_in_every_segment) {
  const PlanSummary summary = summarise(example(), TokenLayout{.frames = 8, .rows = 8, .cols = 8});
  ASSERT_EQ(summary.segments.size(), 2u);
  const ExpertSummary sparse = summary.segments[0].experts.at(0);
  const ExpertSummary planned_dense = summary.segments[1].experts.at(0);
  EXPECT_EQ(sparse.heads, (std::map<std::string, std::int64_t>{{"diagonal", 3}, {"skip", 1}}));
  EXPECT_EQ(planned_dense.heads, (std::map<std::string, std::int64_t>{{"dense", 4}}));
  ASSERT_TRUE(sparse.density);
  EXPECT_GT(*sparse.density, 0.0);
  EXPECT_LT(*sparse.density, 0.75);
  EXPECT_DOUBLE_EQ(planned_dense.density.value(), 1.0);
}

TEST(PlanSummary, says_how_many_heads_are_in_int8) {
  Plan plan = example();
  EXPECT_EQ(describe(summarise(plan, {})).find("int8"), std::string::npos);
  plan.segments[0].heads[0][2].precision = Precision::kInt8;
  plan.segments[0].heads[0][3].precision = Precision::kInt8;  // skipped: it has no keys
  const PlanSummary summary = summarise(plan, {});
  EXPECT_NE(describe(summary).find("\nint8: 1 of 3 heads\n"), std::string::npos);
  const nlohmann::json value = nlohmann::json::parse(to_json(summary));
  EXPECT_EQ(value["int8_heads"], 1);
  EXPECT_EQ(value["heads_with_keys"], 3);
}

TEST(PlanDifferences, are_of_precision_too) {
  Plan plan = example();
  plan.segments[0].heads[0][2].precision = Precision::kInt8;
  plan.segments[0].heads[0][3].precision = Precision::kInt8;
  const std::vector<HeadDifference> found = differences(example(), plan);
  ASSERT_EQ(found.size(), 1u) << "the skipped head is the same";
  EXPECT_EQ(found[0].head, "default blocks.1 head 0");
  EXPECT_EQ(found[0].after, found[0].before + ", int8");
  const PlanDifference difference =
      compare_plans(std::make_shared<Plan>(example()), std::make_shared<Plan>(plan), RunOptions{});
  EXPECT_EQ(difference.stretches.back().heads, (std::vector<std::size_t>{2}));
}

TEST(PlanSummary, says_no_density_without_a_layout) {
  const PlanSummary summary = summarise(example(), {});
  EXPECT_FALSE(summary.layout);
  EXPECT_FALSE(summary.segments[0].experts.at(0).density);
  EXPECT_TRUE(nlohmann::json::parse(to_json(summary))["segments"][0]["density"].is_null());
}

// Dense by the first expert, skipped by the second.
Plan of_two_experts() {
  Plan plan = example();
  plan.model.experts = {"high_noise", "low_noise"};
  plan.patterns = {dense(), skip()};
  for (Segment& segment : plan.segments) {
    segment.dense = false;
    segment.heads = {{{0}, {0}, {0}, {0}}, {{1}, {1}, {1}, {1}}};
  }
  return plan;
}

TEST(PlanSummary, a_forward_has_the_density_of_the_expert_that_runs) {
  Plan plan = of_two_experts();
  plan.provenance["expert_boundary"] = "0.5";
  const PlanSummary summary = summarise(plan, TokenLayout{.frames = 8, .rows = 8, .cols = 8});
  const std::string text = describe(summary);
  EXPECT_NE(text.find("t (0, 0.5]: low_noise: skip 4; density 0.000\n"
                      "t (0.5, 1]: high_noise: dense 4; density 1.000\n"),
            std::string::npos)
      << text;
  const auto lines = nlohmann::json::parse(to_json(summary))["segments"];
  EXPECT_EQ(lines[0]["density"], 0.0);
  EXPECT_EQ(lines[1]["density"], 1.0);
  EXPECT_EQ(lines[0]["experts"],
            (nlohmann::json{{"low_noise", {{"heads", {{"skip", 4}}}, {"density", 0.0}}}}));
}

TEST(PlanSummary, experts_that_share_a_segment_stand_side_by_side) {
  Plan plan = of_two_experts();
  plan.provenance["expert_boundary"] = "0.25";
  const PlanSummary summary = summarise(plan, TokenLayout{.frames = 8, .rows = 8, .cols = 8});
  EXPECT_NE(describe(summary).find("t (0, 0.5]: high_noise: dense 4; density 1.000 | low_noise: "
                                   "skip 4; density 0.000\nt (0.5, 1]: high_noise: dense 4;"),
            std::string::npos);
  EXPECT_TRUE(nlohmann::json::parse(to_json(summary))["segments"][0]["density"].is_null());
}

TEST(PlanSummary, says_when_nothing_says_which_expert_runs) {
  const PlanSummary summary =
      summarise(of_two_experts(), TokenLayout{.frames = 8, .rows = 8, .cols = 8});
  const std::string text = describe(summary);
  EXPECT_NE(text.find("which expert runs at a t is not known (the plan says no expert_boundary): "
                      "the lines hold each of them\n"),
            std::string::npos);
  EXPECT_NE(text.find("t (0.5, 1]: high_noise: dense 4; density 1.000 | low_noise: skip 4;"),
            std::string::npos)
      << text;
}

TEST(PlanDifferences, compares_patterns_where_the_segments_overlap) {
  const Plan before = example();
  Plan after = example();
  // Other indices for the same patterns are no difference; one head and a wider segment are.
  std::swap(after.patterns[0], after.patterns[1]);
  after.segments[0].heads = {{{0}, {1}, {0}, {1}}};
  after.segments[0].t_end = 0.75;
  after.segments[1].t_begin = 0.75;
  const std::vector<HeadDifference> found = differences(before, after);
  ASSERT_EQ(found.size(), 5u);
  EXPECT_EQ(found[0].head, "default blocks.0 head 1");
  EXPECT_EQ(found[0].t_begin, 0.0);
  EXPECT_EQ(found[0].t_end, 0.5);
  EXPECT_EQ(found[0].after, "skip");
  for (std::size_t i = 1; i < found.size(); ++i) {
    EXPECT_EQ(found[i].t_begin, 0.5);
    EXPECT_EQ(found[i].t_end, 0.75);
    EXPECT_EQ(found[i].before, "dense");
  }
}

TEST(PlanDifferences, refuses_plans_of_two_models) {
  Plan other = example();
  other.model.head_dim = 128;
  EXPECT_THROW(differences(example(), other), Error);
}

TEST(ParseLayout, reads_three_axes_and_nothing_else) {
  EXPECT_EQ(parse_layout("13x16x8"), (TokenLayout{.frames = 13, .rows = 16, .cols = 8}));
  for (const char* text : {"", "13x16", "13x16x8x2", "axbxc", "13x16x8 ", "0x16x8", "-1x16x8"}) {
    EXPECT_THROW(parse_layout(text), Error) << text;
  }
}

}  // namespace
}  // namespace twill::report
