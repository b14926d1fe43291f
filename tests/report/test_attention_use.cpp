// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A run in which a plan took no part, and why.
#include <gtest/gtest.h>

#include "evaluation_rows.h"
#include "twill/report/generated_clip.h"

namespace twill::report {
namespace {

// Sparse for t in (begin, end], dense elsewhere.
Plan sparse_between(double begin, double end) {
  Plan plan{.name = "late"};
  plan.model = {.family = "wan2.1-t2v", .stacks = {{"blocks", 1, 2}}, .head_dim = 64};
  plan.patterns = {skip()};
  if (begin > 0.0) {
    plan.segments.push_back({.t_begin = 0.0, .t_end = begin, .dense = true});
  }
  plan.segments.push_back({.t_begin = begin, .t_end = end, .heads = {std::vector<HeadPlan>(2)}});
  if (end < 1.0) {
    plan.segments.push_back({.t_begin = end, .t_end = 1.0, .dense = true});
  }
  return plan;
}

const std::vector<double> kSteps{1.0, 0.96, 0.8889, 0.72727};
const AttentionUse kAllPlannedDense{.planned_dense_calls = 8};

TEST(PlanPart, one_sparse_call_is_a_part) {
  EXPECT_EQ(why_no_part(sparse_between(0.0, 0.3), kSteps,
                        {.sparse_calls = 1, .planned_dense_calls = 7}, false),
            "");
  EXPECT_TRUE(took_part({}));  // nothing was counted
}

TEST(PlanPart, a_run_that_ends_before_the_sparse_segments_says_both_t) {
  EXPECT_EQ(
      why_no_part(sparse_between(0.0, 0.3), kSteps, kAllPlannedDense, false),
      "the plan took no part: its sparse segments end at t 0.3, and the run's last step is at "
      "t 0.7273");
}

TEST(PlanPart, a_run_that_steps_over_the_sparse_segments_says_where_they_are) {
  EXPECT_EQ(why_no_part(sparse_between(0.9, 0.95), kSteps, kAllPlannedDense, false),
            "the plan took no part: its sparse segments stand at t 0.9 to 0.95, and the run's 4 "
            "steps, at t 1 to 0.7273, are all outside of them");
}

TEST(PlanPart, a_plan_that_is_dense_everywhere_is_told) {
  Plan plan = sparse_between(0.0, 1.0);
  plan.segments = {{.t_begin = 0.0, .t_end = 1.0, .dense = true}};
  EXPECT_EQ(why_no_part(plan, kSteps, kAllPlannedDense, false),
            "the plan took no part: it is dense at all t");
  plan = sparse_between(0.0, 1.0);
  plan.patterns = {dense()};
  EXPECT_EQ(
      why_no_part(plan, kSteps, kAllPlannedDense, false),
      "the plan took no part: it keeps every head dense in the run's steps, at t 1 to 0.7273");
  EXPECT_EQ(why_no_part(plan, kSteps, kAllPlannedDense, true),
            "the plan took no part: as it was adapted to the clip, it keeps every head dense");
}

TEST(PlanPart, calls_against_the_plan_are_the_reason) {
  EXPECT_EQ(why_no_part(sparse_between(0.0, 1.0), kSteps,
                        {.fallbacks = {{"no kernel", 3}, {"masked", 5}}}, false),
            "the plan took no part: all attention calls ran dense, 5 of them against it: masked");
}

TEST(PrecisionText, says_how_many_heads_and_what_was_in_the_way) {
  EXPECT_EQ(precision_text({.sparse_calls = 3, .heads_with_keys = 12}), "");
  AttentionUse sum{.heads_with_keys = 12, .int8_heads = 5};
  EXPECT_EQ(precision_text(sum), "int8: 5 of 12 heads");
  add(sum, {.heads_with_keys = 8, .not_int8 = {{"no kernel", 4}}});
  EXPECT_EQ(precision_text(sum),
            "int8: 5 of 20 heads; 4 that the plan wants in int8 were computed as bf16: no kernel");
}

EvaluateRow row_with(const AttentionUse& use) {
  return {.prompt = "a",
          .quality = {.psnr_db = 40.0, .ssim = 1.0},
          .timed = true,
          .dense = {.denoise = 2.0, .attention = 1.0},
          .sparse = {.denoise = 1.0, .attention = 0.5},
          .attention = use};
}

TEST(PlanPart, no_speed_up_is_claimed_for_it) {
  const EvaluateRow idle = row_with(kAllPlannedDense);
  const EvaluateSummary summary = summarise({idle});
  EXPECT_FALSE(summary.speedup);
  EXPECT_FALSE(summary.attention_speedup);
  EXPECT_EQ(summary.dense_seconds, 2.0);
  EXPECT_TRUE(to_json_value(idle)["speedup"].is_null());

  const EvaluateRow busy = row_with({.sparse_calls = 1});
  EXPECT_EQ(summarise({idle, busy}).speedup, 2.0);
  EXPECT_EQ(to_json_value(busy)["speedup"], 2.0);
}

TEST(PlanPart, a_generated_clip_claims_none_either) {
  GeneratedClip clip{.times = {.denoise = 1.0}, .attention = kAllPlannedDense};
  EXPECT_FALSE(clip.speedup());
  clip.dense_times = ClipTimes{.denoise = 2.0};
  EXPECT_FALSE(clip.speedup());
  clip.record.plan = "late.json";
  clip.record.why_no_part = "the plan took no part: it is dense at all t";
  const nlohmann::json idle =
      nlohmann::json::parse(to_json(GenerateResult{.clips = {clip}}))["clips"][0];
  EXPECT_EQ(idle["plan_took_part"], false);
  EXPECT_EQ(idle["why_plan_took_no_part"], clip.record.why_no_part);
  EXPECT_TRUE(idle["speedup"].is_null());

  clip.attention = {.sparse_calls = 4};
  clip.record.why_no_part.clear();
  EXPECT_EQ(clip.speedup(), 2.0);
  const nlohmann::json busy =
      nlohmann::json::parse(to_json(GenerateResult{.clips = {clip}}))["clips"][0];
  EXPECT_EQ(busy["plan_took_part"], true);
  EXPECT_TRUE(busy["why_plan_took_no_part"].is_null());
}

TEST(PlanPart, a_video_says_it) {
  ClipRecord record{.prompt = "a", .model = "demo", .plan = "late.json", .software = "twill 0"};
  record.clip = {.width = 16,
                 .height = 16,
                 .frames = 1,
                 .fps = 16.0,
                 .steps = 1,
                 .shift = 3.0,
                 .cfg = 1.0,
                 .sampler = "euler",
                 .dtype = "float32"};
  EXPECT_FALSE(to_metadata(record).contains("plan_took_no_part"));
  record.why_no_part = "the plan took no part: it is dense at all t";
  EXPECT_EQ(to_metadata(record).at("plan_took_no_part"), record.why_no_part);
  EXPECT_EQ(clip_record_from(to_metadata(record), "a.mp4")->why_no_part, record.why_no_part);
}

}  // namespace
}  // namespace twill::report
