// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "search_record.h"
#include "twill/jobs/plan_tools.h"
#include "twill/plan/error.h"

namespace twill::jobs {
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
  EXPECT_EQ(summary.segments[0].heads,
            (std::map<std::string, std::int64_t>{{"diagonal", 3}, {"skip", 1}}));
  EXPECT_EQ(summary.segments[1].heads, (std::map<std::string, std::int64_t>{{"dense", 4}}));
  ASSERT_TRUE(summary.segments[0].density);
  EXPECT_GT(*summary.segments[0].density, 0.0);
  EXPECT_LT(*summary.segments[0].density, 0.75);
  EXPECT_DOUBLE_EQ(*summary.segments[1].density, 1.0);
}

TEST(PlanSummary, says_no_density_without_a_layout) {
  const PlanSummary summary = summarise(example(), {});
  EXPECT_FALSE(summary.layout);
  EXPECT_FALSE(summary.segments[0].density);
  EXPECT_TRUE(nlohmann::json::parse(to_json(summary))["segments"][0]["density"].is_null());
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

TEST(ShownSegment, is_the_widest_that_is_not_dense) {
  EXPECT_EQ(shown_segment(example()), 0);
  Plan plan = example();
  plan.segments[0].dense = true;
  EXPECT_EQ(shown_segment(plan), 0);
}

TEST(ParseLayout, reads_three_axes_and_nothing_else) {
  EXPECT_EQ(parse_layout("13x16x8"), (TokenLayout{.frames = 13, .rows = 16, .cols = 8}));
  for (const char* text : {"", "13x16", "13x16x8x2", "axbxc", "13x16x8 ", "0x16x8", "-1x16x8"}) {
    EXPECT_THROW(parse_layout(text), Error) << text;
  }
}

}  // namespace
}  // namespace twill::jobs
