// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Previews by a tiny autoencoder, and what stands in where it fails.
#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "clip_previews.h"
#include "engine/engine_support.h"
#include "jobs/scratch_folder.h"
#include "jobs/tiny_model.h"
#include "twill/engine/model.h"
#include "twill/engine/weights.h"
#include "twill/jobs/generate.h"
#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

struct Told {
  std::vector<std::string> notes;
  int loads = 0;

  ClipPreviews previews(const ClipPreviews::Draw& draw) {
    return {at::zeros({17, 3}),
            [this, draw] {
              ++loads;
              return draw;
            },
            [this](const std::string& note) { notes.push_back(note); }};
  }
};

const at::Tensor& latents() {
  static const at::Tensor made = at::zeros({1, 16, 2, 3, 4});
  return made;
}
const std::vector<std::int64_t> kOfCells{2, 3, 4, 3};
const std::vector<std::int64_t> kFine{2, 24, 32, 3};

TEST(ClipPreviews, are_read_when_they_are_asked_for_and_once) {
  Told told;
  ClipPreviews previews = told.previews([](const at::Tensor&) {
    return at::zeros({2, 24, 32, 3}, at::kByte);
  });
  EXPECT_EQ(told.loads, 0);
  EXPECT_EQ(previews.pictures(latents()).sizes(), at::IntArrayRef(kFine));
  previews.pictures(latents());
  EXPECT_EQ(told.loads, 1);
  EXPECT_TRUE(told.notes.empty());
}

TEST(ClipPreviews, go_on_in_colours_where_the_file_cannot_be_read) {
  Told told;
  ClipPreviews previews(
      at::zeros({17, 3}),
      []() -> ClipPreviews::Draw { throw Error(ErrorCode::kFile, "tae.safetensors: cut short"); },
      [&](const std::string& note) { told.notes.push_back(note); });
  for (int step = 0; step < 2; ++step) {
    EXPECT_EQ(previews.pictures(latents()).sizes(), at::IntArrayRef(kOfCells));
  }
  ASSERT_EQ(told.notes.size(), 1u);
  EXPECT_EQ(told.notes[0], "previews are a pixel for each latent cell: tae.safetensors: cut short");
}

TEST(ClipPreviews, go_on_in_colours_where_memory_runs_out) {
  Told told;
  int asked = 0;
  ClipPreviews previews = told.previews([&](const at::Tensor&) -> at::Tensor {
    ++asked;
    TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory");
  });
  for (int step = 0; step < 3; ++step) {
    EXPECT_EQ(previews.pictures(latents()).sizes(), at::IntArrayRef(kOfCells));
  }
  EXPECT_EQ(asked, 1);
  ASSERT_EQ(told.notes.size(), 1u);
  EXPECT_EQ(told.notes[0],
            "previews are a pixel for each latent cell: the device has no memory left for finer "
            "ones");
}

TEST(ClipPreviews, a_stop_is_a_stop) {
  Told told;
  ClipPreviews previews = told.previews([](const at::Tensor&) -> at::Tensor { throw Cancelled(); });
  EXPECT_THROW(previews.pictures(latents()), Cancelled);
}

// Its VAE is its own, whatever lies beside it.
TEST(ClipPreviews, of_a_model_folder_are_never_by_wans_decoder) {
  const tests::ScratchFolder folder;
  tests::write_tiny_model(folder / "tiny");
  engine::write_safetensors(folder / "taew2_1.safetensors", engine::testing::random_tae(16, 1));
  engine::write_safetensors(folder / "tiny/taew2_1.safetensors",
                            engine::testing::random_tae(16, 1));
  EXPECT_EQ(engine::load_model(folder / "tiny", {.device = c10::kCPU}).load_tae(), nullptr);
}

// A checkpoint in ComfyUI's folders with the decoder where ComfyUI has it.
TEST(ClipPreviews, of_a_clip_are_as_fine_as_the_clip_with_a_decoder_beside_it) {
  const tests::ScratchFolder folder;
  tests::write_tiny_comfy(folder / "ComfyUI");
  const fs::path models = folder / "ComfyUI/models";
  GenerateOptions options;
  options.clip = {.model = models / "diffusion_models/wan2.1_t2v_tiny.safetensors",
                  .width = 64,
                  .height = 32,
                  .frames = 5,
                  .steps = 2,
                  .cfg = 1.0,
                  .sampler = "euler",
                  .dtype = "float32"};
  options.prompts = {"a b"};
  options.keep_frames = true;
  std::vector<Preview> seen;
  options.preview = [&](const Preview& preview) { seen.push_back(preview); };
  const report::GenerateResult coarse = generate(options, {});
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[1].frames.width, 8);
  fs::create_directories(models / "vae_approx");
  engine::write_safetensors(models / "vae_approx/taew2_1.safetensors",
                            engine::testing::random_tae(16, 1));
  seen.clear();
  const report::GenerateResult fine = generate(options, {});
  ASSERT_EQ(seen.size(), 2u);
  for (const Preview& preview : seen) {
    EXPECT_EQ(preview.frames.frames, 2);
    EXPECT_EQ(preview.frames.width, 64);
    EXPECT_EQ(preview.frames.height, 32);
  }
  EXPECT_NE(seen[0].frames.rgb, seen[1].frames.rgb);
  EXPECT_EQ(fine.clips[0].frames->rgb, coarse.clips[0].frames->rgb);
  EXPECT_EQ(fine.clips[0].record.model_fingerprint, coarse.clips[0].record.model_fingerprint);
}

}  // namespace
}  // namespace twill::jobs
