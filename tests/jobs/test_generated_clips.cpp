// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Clips handed over in memory: frames, previews, quality of each frame, and settings that come back
// out of a video.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <stop_token>

#include "jobs/scratch_folder.h"
#include "jobs/tiny_model.h"
#include "twill/jobs/file_hash.h"
#include "twill/jobs/generate.h"
#include "twill/media/clip_files.h"
#include "twill/media/video_io.h"
#include "twill/plan/plan_io.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

Plan window_plan() {
  Plan plan{.name = "window"};
  plan.model = {.family = "wan2.1-t2v", .stacks = {{"blocks", 2, 2}}, .head_dim = 64};
  plan.patterns = {mean()};
  Segment segment;
  segment.heads = {std::vector<HeadPlan>(4)};
  plan.segments = {segment};
  return plan;
}

class Clips : public ::testing::Test {
 protected:
  void SetUp() override {
    tests::write_tiny_model(folder_ / "model");
    write_plan(folder_ / "plan.json", window_plan());
  }
  GenerateOptions in_memory() const {
    return {.clip = {.model = folder_ / "model", .frames = 9},
            .prompts = {"a red ball"},
            .seed = 5,
            .keep_frames = true};
  }
  GenerateOptions pair() const {
    GenerateOptions options = in_memory();
    options.plan = folder_ / "plan.json";
    options.compare_dense = true;
    return options;
  }

  const tests::ScratchFolder folder_;
};

TEST_F(Clips, a_pair_is_handed_over_and_nothing_is_written) {
  const report::GenerateResult result = generate(pair(), {});
  const report::GeneratedClip& clip = result.clips.at(0);
  ASSERT_TRUE(clip.frames && clip.dense_frames);
  for (const auto& frames : {clip.frames, clip.dense_frames}) {
    EXPECT_EQ(frames->frames, 9);
    EXPECT_EQ(frames->rgb.size(), 9u * 128 * 128 * 3);
    EXPECT_EQ(frames->fps, *clip.record.clip.fps);
  }
  EXPECT_NE(clip.frames->rgb, clip.dense_frames->rgb);
  EXPECT_EQ(clip.record.plan, "plan.json");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()), 2);
}

TEST_F(Clips, quality_of_each_frame_is_that_of_its_bytes) {
  const report::GenerateResult result = generate(pair(), {});
  const report::GeneratedClip& clip = result.clips.at(0);
  ASSERT_EQ(clip.frame_quality.psnr_db.size(), 9u);
  ASSERT_EQ(clip.frame_quality.ssim.size(), 9u);
  double all = 0.0;
  for (std::int32_t i = 0; i < 9; ++i) {
    double squares = 0.0;
    for (std::size_t byte = 0; byte < clip.frames->frame_bytes(); ++byte) {
      const double difference =
          double{1} * clip.frames->frame(i)[byte] - clip.dense_frames->frame(i)[byte];
      squares += difference * difference;
    }
    all += squares;
    const double mse = squares / static_cast<double>(clip.frames->frame_bytes());
    EXPECT_NEAR(clip.frame_quality.psnr_db[static_cast<std::size_t>(i)],
                10 * std::log10(255.0 * 255.0 / mse), 1e-9);
  }
  const double mse = all / static_cast<double>(clip.frames->rgb.size());
  EXPECT_NEAR(clip.quality->psnr_db, 10 * std::log10(255.0 * 255.0 / mse), 1e-9);
  const std::vector<double>& ssim = clip.frame_quality.ssim;
  EXPECT_NEAR(clip.quality->ssim, std::accumulate(ssim.begin(), ssim.end(), 0.0) / 9.0, 1e-12);
}

TEST_F(Clips, every_step_gives_a_preview) {
  std::vector<Preview> seen;
  GenerateOptions options = in_memory();
  options.preview = [&](const Preview& preview) { seen.push_back(preview); };
  const report::GenerateResult with = generate(options, {});
  ASSERT_EQ(seen.size(), 4u);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i].step, static_cast<std::int64_t>(i) + 1);
    EXPECT_EQ(seen[i].steps, 4);
    EXPECT_EQ(seen[i].stage, "denoise dense");
    EXPECT_EQ(seen[i].frames.frames, 3);
    EXPECT_EQ(seen[i].frames.width, 16);
    EXPECT_EQ(seen[i].frames.height, 16);
  }
  options.preview = {};
  EXPECT_EQ(generate(options, {}).clips[0].frames->rgb, with.clips[0].frames->rgb);
}

TEST_F(Clips, settings_come_back_out_of_a_video) {
  const report::GenerateResult made = generate(pair(), {});
  const report::ClipRecord& record = made.clips.at(0).record;
  for (const std::string ending : {".mp4", ".webm"}) {
    const fs::path file = folder_ / ("clip" + ending);
    const std::vector<std::string> writable = media::writable_video_endings();
    if (std::find(writable.begin(), writable.end(), ending) == writable.end()) {
      GTEST_SKIP() << "this libav cannot write " << ending;
    }
    const media::RgbClip& frames = *made.clips[0].frames;
    media::write_clip(file, frames, frames.fps, report::to_metadata(record));
    const report::StoredClip read = report::read_clip(file);
    EXPECT_EQ(read.clip.frames, 9);
    EXPECT_EQ(read.clip.width, 128);
    ASSERT_TRUE(read.record);
    EXPECT_EQ(report::to_metadata(*read.record), report::to_metadata(record));
    EXPECT_EQ(read.record->prompt, "a red ball");
    EXPECT_EQ(read.record->seed, 5);
    EXPECT_EQ(read.record->plan_fingerprint, file_fingerprint(folder_ / "plan.json"));
    EXPECT_TRUE(read.record->clip.model.empty());

    GenerateOptions again = pair();
    again.clip = read.record->clip;
    again.clip.model = folder_ / "model";
    again.prompts = {read.record->prompt};
    again.seed = read.record->seed;
    EXPECT_EQ(generate(again, {}).clips[0].frames->rgb, made.clips[0].frames->rgb);
  }
}

TEST_F(Clips, metadata_in_a_video_are_utf8) {
  const std::vector<std::string> writable = media::writable_video_endings();
  if (std::find(writable.begin(), writable.end(), ".mp4") == writable.end()) {
    GTEST_SKIP() << "this libav cannot write .mp4";
  }
  const report::GenerateResult made = generate(in_memory(), {});
  report::ClipRecord record = made.clips.at(0).record;
  record.plan = "caf\xe9.json";
  const media::RgbClip& frames = *made.clips[0].frames;
  media::write_clip(folder_ / "clip.mp4", frames, frames.fps, report::to_metadata(record));
  EXPECT_EQ(report::read_clip(folder_ / "clip.mp4").record->plan, "caf\\xe9.json");
}

TEST_F(Clips, the_next_prompts_seed_wraps_around) {
  GenerateOptions options = in_memory();
  options.prompts = {"a red ball", "a red ball"};
  options.seed = std::numeric_limits<std::uint64_t>::max();
  const report::GenerateResult wrapped = generate(options, {});
  EXPECT_EQ(wrapped.clips.at(0).seed, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(wrapped.clips.at(1).seed, 0u);
  EXPECT_NE(wrapped.clips[0].frames->rgb, wrapped.clips[1].frames->rgb);
  options.prompts = {"a red ball"};
  options.seed = 0;
  EXPECT_EQ(generate(options, {}).clips[0].frames->rgb, wrapped.clips[1].frames->rgb);
}

TEST_F(Clips, neither_files_nor_frames_is_refused) {
  GenerateOptions options = in_memory();
  options.keep_frames = false;
  EXPECT_THROW(generate(options, {}), Error);
}

TEST_F(Clips, a_stop_at_any_preview_leaves_nothing) {
  for (const std::int64_t at : {1, 3, 4}) {
    std::stop_source stop;
    GenerateOptions options = pair();
    options.out = folder_ / "out" / "clip";
    options.preview = [&](const Preview& preview) {
      if (preview.step == at) {
        stop.request_stop();
      }
    };
    EXPECT_THROW(generate(options, {.stop = stop.get_token()}), Cancelled);
    EXPECT_FALSE(fs::exists(folder_ / "out")) << "it was made for the clip and holds none";
  }
}

}  // namespace
}  // namespace twill::jobs
