// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/estimate.h"

#include <gtest/gtest.h>

#include <fstream>

#include "jobs/scratch_folder.h"
#include "jobs/tiny_model.h"
#include "twill/plan/plan_io.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

const fs::path kDemo = fs::path(TWILL_PRESETS) / "demo";

TEST(Estimate, what_grows_with_tokens_and_with_their_square_is_added_up) {
  ModelFacts facts{.files = kDemo, .shape = {.family = "wan2.1-t2v"}};
  facts.defaults = {.width = 256,
                    .height = 256,
                    .frames = 49,
                    .fps = 16,
                    .steps = 10,
                    .shift = 3,
                    .cfg = 1,
                    .sampler = "euler"};
  const ModelSpeed speed{.seconds_per_token = 1e-4,
                         .dense_seconds_per_cell = 1e-7,
                         .sparse_seconds_per_cell = 2e-7,
                         .vae_seconds_per_pixel = 1e-6};
  GenerateOptions options;
  const ClipEstimate dense = estimate_clip(facts, speed, options, 0.25);
  EXPECT_EQ(dense.tokens, 3328);
  EXPECT_EQ(dense.density, 1.0);
  EXPECT_NEAR(dense.dense_seconds, 10 * (3328 * 1e-4 + 3328.0 * 3328.0 * 1e-7), 1e-9);
  EXPECT_NEAR(dense.vae_seconds, 49 * 65536 * 1e-6, 1e-9);
  EXPECT_EQ(dense.sparse_seconds, 0.0);

  options.plan = "plan.json";
  options.compare_dense = true;
  options.clip.cfg = 5.0;
  const ClipEstimate both = estimate_clip(facts, speed, options, 0.25);
  EXPECT_NEAR(both.dense_seconds, 2 * dense.dense_seconds, 1e-9);
  EXPECT_NEAR(both.sparse_seconds, 20 * (3328 * 1e-4 + 3328.0 * 3328.0 * 2e-7 * 0.25), 1e-9);
  EXPECT_NEAR(both.seconds, both.dense_seconds + both.sparse_seconds + both.vae_seconds, 1e-9);
  EXPECT_GT(both.memory_bytes, dense.memory_bytes);

  // Of ten steps the first, the third and the fifth are measured, both branches of each.
  options.adapt = true;
  const AdaptingSpeed adapting{
      .begin_seconds = 2.0, .seconds_per_forward = 0.25, .seconds_per_solve = 0.5};
  const ClipEstimate adapted = estimate_clip(facts, speed, options, 0.25, adapting);
  EXPECT_NEAR(adapted.adapting_seconds, 2.0 + 3 * (2 * 0.25 + 0.5), 1e-9);
  EXPECT_NEAR(adapted.sparse_seconds, both.sparse_seconds + adapted.adapting_seconds, 1e-9);
  EXPECT_NEAR(adapted.seconds, both.seconds + adapted.adapting_seconds, 1e-9);

  options.clip.frames = 48;
  EXPECT_THROW(estimate_clip(facts, speed, options, 0.25), Error);
}

TEST(Estimate, density_of_an_all_mean_plan_with_a_dense_segment_counts_the_dense_steps) {
  const ModelFacts facts = read_model_facts(kDemo);
  const tests::ScratchFolder folder;
  Plan plan{.name = "half"};
  plan.model = facts.shape;
  plan.patterns = {mean(), dense()};
  Segment sparse{.t_begin = 0.0, .t_end = 0.5};
  sparse.heads = {std::vector<HeadPlan>(48)};
  Segment whole{.t_begin = 0.5, .t_end = 1.0, .dense = true};
  plan.segments = {sparse, whole};
  write_plan(folder / "plan.json", plan);
  // Euler with shift 1 and 4 steps: t = 1, 0.75, 0.5, 0.25; the first two are dense.
  report::ClipSettings clip{.width = 128, .height = 128, .frames = 17, .steps = 4, .shift = 1.0};
  EXPECT_DOUBLE_EQ(plan_density(facts, clip, folder / "plan.json"), 0.5);

  plan.model.stacks[0].heads = 5;
  plan.segments[0].heads = {std::vector<HeadPlan>(60)};
  write_plan(folder / "other.json", plan);
  EXPECT_THROW(plan_density(facts, clip, folder / "other.json"), Error);
}

TEST(Estimate, a_model_of_two_experts_is_measured_too) {
  const tests::ScratchFolder folder;
  tests::write_tiny_model(folder / "two", {.from_pictures = true});
  const ModelSpeed speed = measure_speed(
      {.model = folder / "two", .image = fs::path(TWILL_PRESETS) / "demo/pictures/heads.png"}, {});
  EXPECT_GT(speed.seconds_per_token, 0.0);
  EXPECT_GT(speed.sparse_seconds_per_cell, 0.0);
  EXPECT_GT(speed.vae_seconds_per_pixel, 0.0);
}

TEST(Estimate, adapting_is_measured_with_the_plans_own_profile) {
  const ModelFacts facts = read_model_facts(kDemo);
  const Plan plan = read_plan(kDemo / "plan.json");
  const report::ClipSettings clip{
      .model = kDemo, .width = 128, .height = 128, .frames = 17, .steps = 4};
  const AdaptingSpeed small = measure_adapting(facts, clip, plan, {});
  EXPECT_GT(small.begin_seconds, 0.0);
  EXPECT_GT(small.seconds_per_forward, 0.0);
  EXPECT_GT(small.seconds_per_solve, 0.0);

  report::ClipSettings one_step = clip;
  one_step.steps = 1;
  EXPECT_EQ(measure_adapting(facts, one_step, plan, {}).seconds_per_forward, 0.0);

  Plan bare = plan;
  bare.profile.reset();
  try {
    measure_adapting(facts, clip, bare, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()),
              "the plan \"" + plan.name + "\" holds no profile to adapt it with");
  }
}

#ifdef __linux__
std::int64_t status_bytes(const std::string& field) {
  std::ifstream stream("/proc/self/status");
  for (std::string word; stream >> word;) {
    std::int64_t kibibytes = 0;
    if (word == field && stream >> kibibytes) {
      return kibibytes * 1024;
    }
  }
  return 0;
}

// Both what a clip takes and how long it takes, against a real one of the demo model.
TEST(Estimate, a_real_clip_is_near_it) {
  const ModelFacts facts = read_model_facts(kDemo);
  GenerateOptions options{
      .clip = {.model = kDemo, .width = 256, .height = 256, .frames = 49, .steps = 2},
      .prompts = {"a red ball"}};
  options.keep_frames = true;
  const ModelSpeed speed = measure_speed(options.clip, {});
  const ClipEstimate estimate = estimate_clip(facts, speed, options, 1.0);
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak starts again
  const report::GenerateResult result = generate(options, {});
  const double seconds = result.clips.at(0).times.denoise + result.clips.at(0).times.vae;
  // Other programs share the machine while tests run.
  EXPECT_LT(estimate.seconds, 3.0 * seconds);
  EXPECT_GT(estimate.seconds, seconds / 3.0);
  const auto peak = static_cast<double>(status_bytes("VmHWM:"));
  RecordProperty("estimated_mb", static_cast<int>(estimate.memory_bytes / 1000000));
  RecordProperty("peak_mb", static_cast<int>(peak / 1e6));
#if !defined(__SANITIZE_ADDRESS__)
  EXPECT_LT(static_cast<double>(estimate.memory_bytes), 1.5 * peak);
  EXPECT_GT(static_cast<double>(estimate.memory_bytes), peak / 1.5);
#endif
}
#endif

}  // namespace
}  // namespace twill::jobs
