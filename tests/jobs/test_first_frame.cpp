// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A model whose first latent frame is the start picture's, through the jobs.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <set>

#include "expect_error.h"
#include "jobs/scratch_folder.h"
#include "jobs/start_picture.h"
#include "jobs/tiny_model.h"
#include "session.h"
#include "twill/engine/noise.h"
#include "twill/engine/wan_dit.h"
#include "twill/jobs/capture.h"
#include "twill/jobs/evaluate.h"
#include "twill/jobs/generate.h"
#include "twill/jobs/search.h"
#include "twill/media/picture_io.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/sampler_times.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

class FirstFrame : public ::testing::Test {
 protected:
  FirstFrame() {
    ::setenv("XDG_CACHE_HOME", (folder_ / "cache").c_str(), 1);
    tests::write_tiny_model(model_, {.first_frame = true});
    tests::write_start_picture(start_);
  }
  report::ClipSettings clip() const {
    return {.model = model_, .frames = 17, .cfg = 2.0, .dtype = "float32", .image = start_};
  }
  SearchOptions searched() const {
    SearchOptions options{.clip = clip(), .prompts = {"a red ball"}, .points = 4, .map_size = 8};
    options.solve.budget = 0.6;
    options.out = folder_ / "plan.json";
    return options;
  }
  GenerateOptions generated() const {
    return {
        .clip = clip(), .prompts = {"a red ball"}, .seed = 3, .plan = plan_, .keep_frames = true};
  }

  const tests::ScratchFolder folder_;
  const fs::path model_ = folder_ / "model";
  const fs::path start_ = folder_ / "start.png";
  const fs::path plan_ = folder_ / "plan.json";
};

double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

// By the definition, with a time for each token.
TEST_F(FirstFrame, is_the_picture_from_the_noise_to_the_clip) {
  const JobControl control;
  const Session session(clip(), control);
  const engine::VideoModel& model = session.model();
  std::vector<at::Tensor> seen;
  const LoopOptions loop{
      .estimate = [&](std::int64_t, const at::Tensor& latents) { seen.push_back(latents); }};
  engine::DenseAttention dense;
  const Denoised made = session.denoise(session.encode("a red ball"), 3, dense, "denoise", loop);

  const engine::Weights weights = engine::Weights::open(model_ / "dit.safetensors");
  const engine::WanDit dit(weights, detect_wan_config(weights), at::kFloat);
  at::Tensor picture = at::empty({60, 80, 3}, at::kByte);
  const media::Picture read = media::read_picture(start_);
  std::copy(read.rgb.begin(), read.rgb.end(), picture.mutable_data_ptr<std::uint8_t>());
  const at::Tensor clean = model.encode_pictures({.start = picture}, session.size()).first_frame;
  std::vector<double> t = sampler_t("euler", 4, 3.0);
  t.push_back(0.0);
  at::Tensor x = engine::make_noise({1, 48, 5, 8, 8}, 3);
  for (std::size_t i = 0; i + 1 < t.size(); ++i) {
    at::Tensor times = at::full({1, 5, 16}, 1000.0 * t[i], at::kFloat);
    times.select(1, 0).zero_();
    x.narrow(2, 0, 1).copy_(clean);
    const auto velocity = [&](const char* words) {
      return dit.forward(x, times.flatten(1), model.text->encode(words), dense, {.t = t[i]});
    };
    const at::Tensor away = velocity("");
    x = at::add(x, away + 2.0 * (velocity("a red ball") - away), t[i + 1] - t[i]);
  }
  x.narrow(2, 0, 1).copy_(clean);
  // Rounding in fp32 of four steps; times of frames and of tokens are multiplied in other shapes.
  EXPECT_LE(largest(made.latents - x), 1e-4 * largest(x));
  EXPECT_TRUE(made.latents.narrow(2, 0, 1).equal(clean));
  ASSERT_EQ(seen.size(), 4u);
  for (const at::Tensor& latents : seen) {
    EXPECT_TRUE(latents.narrow(2, 0, 1).equal(clean)) << "previews show the picture";
  }
}

TEST_F(FirstFrame, is_part_of_what_a_clip_is_kept_by) {
  const JobControl control;
  std::set<std::string> keys;
  report::ClipSettings settings = clip();
  keys.insert(Session(settings, control).dense_key());
  tests::write_start_picture(start_, 2);
  keys.insert(Session(settings, control).dense_key());
  settings.image.clear();
  keys.insert(Session(settings, control).dense_key());
  EXPECT_EQ(keys.size(), 3u);
}

TEST_F(FirstFrame, plans_are_searched_evaluated_and_adapted) {
  search(searched(), {});
  const Plan plan = read_plan(plan_);
  EXPECT_EQ(plan.model.family, "wan2.2-ti2v");
  ASSERT_TRUE(plan.profile);
  EXPECT_EQ(plan.profile->provenance.at("image"), "start.png");
  for (const float gain : plan.profile->gain) {
    EXPECT_TRUE(std::isfinite(gain) && gain > 0.0F) << gain;
  }

  for (const bool adapt : {false, true}) {
    GenerateOptions options = generated();
    options.adapt = adapt;
    options.compare_dense = true;
    const report::GeneratedClip made = generate(options, {}).clips.at(0);
    EXPECT_GT(made.attention.sparse_calls, 0);
    EXPECT_TRUE(made.attention.fallbacks.empty());
    EXPECT_LE(made.density, 0.6 + 1e-9);
    // The first frame is the picture in both clips; the others differ.
    ASSERT_EQ(made.frame_quality.psnr_db.size(), 17u);
    EXPECT_GT(made.frame_quality.psnr_db.front(), 60.0);
    EXPECT_LT(made.frame_quality.psnr_db.back(), 60.0);
    EXPECT_TRUE(made.record.image.starts_with("start.png "));
  }
}

TEST_F(FirstFrame, its_attention_is_captured) {
  const CaptureResult captured = capture_attention(
      {.clip = clip(), .prompt = "a red ball", .t = 0.5, .heads = {{.layer = 1, .head = 1}}}, {});
  EXPECT_EQ(captured.layout.tokens(), 5 * 16);
  EXPECT_EQ(captured.maps.size(), 1u);
}

TEST_F(FirstFrame, is_no_end_picture_nor_all_of_a_clip) {
  GenerateOptions options = generated();
  options.plan.clear();
  options.clip.frames = 1;
  EXPECT_ERROR(generate(options, {}),
               "a model of wan2.2-ti2v makes the start picture the clip's first frame, so a clip "
               "of one frame would be that picture: give more frames");
  options.clip.frames = 5;
  options.clip.end_image = start_;
  EXPECT_ERROR(generate(options, {}),
               concat("a model of wan2.2-ti2v makes a clip from a start picture or from text alone "
                      "and takes no end picture, but --end-image \"",
                      start_.string(), "\" was given"));
}

}  // namespace
}  // namespace twill::jobs
