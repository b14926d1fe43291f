// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/latent_preview.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>

#include "engine_support.h"
#include "twill/engine/model.h"

namespace twill::engine {
namespace {

using testing::TempDir;

TEST(LatentPreview, IsTheWeightedSumOfTheChannels) {
  const at::Tensor latents = at::zeros({1, 16, 2, 3, 4}, at::kFloat);
  latents[0][5][1][2][3] = 2.0;
  const at::Tensor colours = at::zeros({17, 3}, at::kFloat);
  colours[5][1] = 0.25;
  colours[16][0] = -1.0;
  colours[16][2] = 5.0;
  const at::Tensor picture = preview_latents(latents, colours);
  ASSERT_EQ(picture.sizes(), at::IntArrayRef({2, 3, 4, 3}));
  EXPECT_EQ(picture[1][2][3][0].item<int>(), 0);
  EXPECT_EQ(picture[1][2][3][1].item<int>(), 191);  // (0.5 + 1) * 127.5
  EXPECT_EQ(picture[1][2][3][2].item<int>(), 255);
  EXPECT_EQ(picture[0][0][0][1].item<int>(), 128);
}

TEST(LatentPreview, WithoutAFileTheColoursAreWans) {
  const TempDir folder;
  const at::Tensor colours = load_latent_colours(folder.path(), 16);
  EXPECT_FLOAT_EQ(colours[0][2].item<float>(), 0.2932f);
  EXPECT_FLOAT_EQ(colours[16][2].item<float>(), -0.3360f);
}

TEST(LatentPreview, Wan22HasColoursForEachOfItsChannels) {
  const TempDir folder;
  const at::Tensor colours = load_latent_colours(folder.path(), 48);
  ASSERT_EQ(colours.sizes(), at::IntArrayRef({49, 3}));
  EXPECT_FLOAT_EQ(colours[0][2].item<float>(), 0.0046f);
  EXPECT_FLOAT_EQ(colours[39][1].item<float>(), -0.3543f);
  EXPECT_FLOAT_EQ(colours[48][2].item<float>(), -0.1388f);
  const at::Tensor latents = at::zeros({1, 48, 1, 1, 1}, at::kFloat);
  latents[0][47][0][0][0] = -2.0;
  const at::Tensor picture = preview_latents(latents, colours);
  EXPECT_EQ(picture[0][0][0][0].item<int>(), 153);  // (0.0837 * 2 + 0.0317 + 1) * 127.5
  std::ofstream(folder / "preview.json") << "{}";
  EXPECT_ERROR(load_latent_colours(folder.path(), 48), ".latent_rgb is not a list of 48 rows");
}

TEST(LatentPreview, DamagedFilesAreNamed) {
  const TempDir folder;
  const auto refuse = [&](const std::string& text, const std::string& part) {
    std::ofstream(folder / "preview.json") << text;
    EXPECT_ERROR(load_latent_colours(folder.path(), 16), part);
  };
  refuse("[", "preview.json: line 1, column 2: not JSON");
  refuse("[]", "preview.json: not a JSON object");
  refuse(concat(R"({"latent_rgb": )", std::string(80'000, '['), "}"),
         "preview.json: nested deeper than 64");
  refuse("{}", "preview.json.latent_rgb is not a list of 16 rows");
  std::string rows;
  for (int i = 0; i < 16; ++i) {
    rows += i == 0 ? "[1, 2, 3]" : ", [1, 2, 3]";
  }
  refuse("{\"latent_rgb\": [" + rows + "]}", "preview.json.constant is not a list of 3 numbers");
  refuse("{\"latent_rgb\": [" + rows + "], \"constant\": [0, \"x\", 0]}",
         "preview.json.constant: \"x\" is not a number in -1000..1000");
}

// Against the VAE's own picture of the same latents, averaged over the cells: a red block on a grey
// floor below a blue sky. Wan's own colours are another VAE's and must do worse.
TEST(LatentPreview, OfTheDemoModelIsNearWhatItsVaeDraws) {
  const std::filesystem::path demo = std::filesystem::path(TWILL_PRESETS) / "demo";
  const VideoModel model = load_model(demo, {.device = c10::kCPU, .dtype = c10::kFloat});
  at::Tensor video = at::full({1, 3, 5, 128, 128}, -0.2, at::kFloat);
  video.narrow(3, 0, 64).copy_(at::tensor({-0.1, 0.3, 0.7}).view({1, 3, 1, 1, 1}));
  video.narrow(3, 56, 40).narrow(4, 40, 40).copy_(
      at::tensor({0.7, -0.6, -0.6}).view({1, 3, 1, 1, 1}));
  const at::Tensor latents = model.vae->encode(video);
  const at::Tensor drawn = at::avg_pool2d(model.vae->decode(latents)[0].select(1, 4), {8, 8});
  const auto distance = [&](const at::Tensor& colours) {
    const at::Tensor preview = preview_latents(latents, colours)[1].to(at::kFloat) / 127.5 - 1.0;
    return (preview.permute({2, 0, 1}) - drawn).square().mean().sqrt().item<double>() * 127.5;
  };
  const TempDir without_file;
  const double own = distance(model.latent_colours);
  EXPECT_LT(own, 35.0);
  EXPECT_LT(2 * own, distance(load_latent_colours(without_file.path(), 16)));
}

}  // namespace
}  // namespace twill::engine
