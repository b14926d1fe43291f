// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// tests/comfy/test_comfy_tae.py compares the numbers with ComfyUI's.
#include "twill/engine/tae_decoder.h"

#include <fstream>
#include <stop_token>

#include "engine_support.h"
#include "models/wan/wan_tae.h"

namespace twill::engine {
namespace {

namespace fs = std::filesystem;
using testing::random_tae;
using testing::saved;
using testing::TempDir;
using testing::Tensors;

struct SmallTae {
  TempDir folder;
  Weights weights = saved(folder / "taew2_1.safetensors", random_tae(16, 1));
  TaeDecoder decoder{weights, at::kFloat, at::kCPU};
};

double worst_level(const at::Tensor& a, const at::Tensor& b) {
  return testing::worst_difference(a, b);
}

TEST(TaeDecoder, AFrameSeesThoseBeforeItAndNoneBehind) {
  const SmallTae small;
  const at::Tensor latents = at::randn({1, 16, 3, 2, 3});
  const at::Tensor pictures = small.decoder.pictures(latents);
  ASSERT_EQ(pictures.sizes(), (at::IntArrayRef{3, 16, 24, 3}));
  ASSERT_EQ(pictures.scalar_type(), at::kByte);
  const at::Tensor first_two = small.decoder.pictures(latents.narrow(2, 0, 2));
  EXPECT_LE(worst_level(first_two, pictures.narrow(0, 0, 2)), 1.0);
  const at::Tensor alone = small.decoder.pictures(latents.narrow(2, 1, 1));
  EXPECT_GT(worst_level(alone[0], pictures[1]), 3.0);
}

TEST(TaeDecoder, LatentsOfManyChannelsMakePatches) {
  const TempDir folder;
  const Weights weights = saved(folder / "taew2_2.safetensors", random_tae(48, 2));
  EXPECT_EQ(TaeDecoder::channels_of(weights), 48);
  const TaeDecoder decoder(weights, at::kFloat, at::kCPU);
  EXPECT_EQ(decoder.pictures(at::randn({1, 48, 2, 2, 3})).sizes(), (at::IntArrayRef{2, 32, 48, 3}));
}

// A GPU's convolutions are others, and its dtype is bf16; the CPU in fp32 is the reference.
TEST(TaeDecoder, IsTheSameOnEveryDevice) {
  const SmallTae small;
  const at::Tensor latents = at::randn({1, 16, 2, 3, 4});
  const at::Tensor reference = small.decoder.pictures(latents);
  for (const at::Device device : testing::devices_here()) {
    const TaeDecoder plain(small.weights, at::kFloat, device);
    EXPECT_LE(worst_level(plain.pictures(latents.to(device)), reference), 1.0) << device;
    const TaeDecoder small_numbers(small.weights, at::kBFloat16, device);
    EXPECT_LE(worst_level(small_numbers.pictures(latents.to(device)), reference), 4.0) << device;
  }
}

// 104 cells are as wide as pictures may be, 105 are halved. What is far from the edge is of the
// same cells in both.
TEST(TaeDecoder, LargePicturesAreMadeSmaller) {
  const SmallTae small;
  const at::Tensor latents = at::randn({1, 16, 1, 2, 105});
  const at::Tensor whole = small.decoder.pictures(latents.narrow(4, 0, 104))[0];
  ASSERT_EQ(whole.sizes(), (at::IntArrayRef{16, 832, 3}));
  const at::Tensor halved = small.decoder.pictures(latents)[0];
  ASSERT_EQ(halved.sizes(), (at::IntArrayRef{8, 420, 3}));
  constexpr std::int64_t kSame = 300;
  const at::Tensor means =
      whole.narrow(1, 0, 2 * kSame).to(at::kFloat).reshape({8, 2, kSame, 2, 3}).mean({1, 3});
  // Rounded before and after the mean.
  EXPECT_LE(worst_level(halved.narrow(1, 0, kSame), means), 1.01);
}

TEST(TaeDecoder, NumbersOfTheVaeAreTheNetworksScaled) {
  const SmallTae small;
  const Weights weights = saved(small.folder / "lighttaew2_1.safetensors", random_tae(16, 1));
  const auto light = read_wan_tae(small.folder / "lighttaew2_1.safetensors", at::kFloat, at::kCPU);
  const auto plain = read_wan_tae(small.folder / "taew2_1.safetensors", at::kFloat, at::kCPU);
  at::Tensor latents = at::randn({1, 16, 1, 2, 2});
  at::Tensor scaled = latents.clone();
  scaled.select(1, 0).mul_(2.8184).add_(-0.7571);
  for (std::int64_t channel = 1; channel < 16; ++channel) {
    latents.select(1, channel).zero_();
  }
  EXPECT_GT(worst_level(light->pictures(latents), plain->pictures(latents)), 3.0);
  const std::vector<double> mean{-0.7571, -0.7089, -0.9113, 0.1075,  -0.1745, 0.9653,
                                 -0.1517, 1.5508,  0.4134,  -0.0715, 0.5517,  -0.3632,
                                 -0.1922, -0.9497, 0.2503,  -0.2921};
  for (std::int64_t channel = 1; channel < 16; ++channel) {
    scaled.select(1, channel).fill_(mean[static_cast<std::size_t>(channel)]);
  }
  EXPECT_LE(worst_level(light->pictures(latents), plain->pictures(scaled)), 1.0);
}

TEST(TaeDecoder, StopsBetweenFrames) {
  const SmallTae small;
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(small.decoder.pictures(at::zeros({1, 16, 2, 1, 1}), stop.get_token()), Cancelled);
}

TEST(TaeDecoder, OtherFilesAreNamed) {
  const TempDir folder;
  const auto refuse = [&](const Tensors& tensors, const std::string& part) {
    EXPECT_ERROR(TaeDecoder(saved(folder / "taew.safetensors", tensors), at::kFloat, at::kCPU),
                 part);
  };
  Tensors tensors = random_tae(16, 1);
  tensors.erase("decoder.9.conv.2.weight");
  refuse(tensors, "decoder.9.conv.2.weight");
  tensors = random_tae(16, 1);
  tensors["decoder.13.conv.weight"] = at::ones({128, 128, 1, 1});
  refuse(tensors, "decoder.13.conv.weight has shape [128, 128, 1, 1], not [256, 128, ...]");
  tensors = random_tae(16, 1);
  tensors["decoder.22.bias"] = at::ones({48});
  refuse(tensors, "decoder.22.bias has shape [48], not [3] or, of 2 x 2 pixels, [12]");
  refuse({{"a", at::ones({1})}}, "decoder.22.bias");
}

// As ComfyUI's folders have them.
class FindWanTae : public ::testing::Test {
 protected:
  FindWanTae() {
    for (const char* const kind : {"diffusion_models", "vae", "vae_approx", "diffusers/wan"}) {
      fs::create_directories(models_ / kind);
    }
  }

  fs::path put(const std::string& name, std::int64_t channels = 16) const {
    // Headers alone are looked at, so zeros will do.
    Tensors tensors = random_tae(channels, 1);
    write_safetensors(models_ / name, tensors);
    return models_ / name;
  }
  fs::path find(std::int64_t channels = 16) const {
    return find_wan_tae(models_ / "diffusion_models" / "wan.safetensors", channels);
  }

  TempDir folder_;
  fs::path models_ = folder_ / "models";
};

TEST_F(FindWanTae, TheUsualNamesComeFirst) {
  EXPECT_EQ(find(), fs::path());
  const fs::path other = put("vae/my_taew2_1.safetensors");
  EXPECT_EQ(find(), other) << "ComfyUI's workflows load them as VAEs, too";
  const fs::path beside = put("diffusion_models/taew2_1_fp16.safetensors");
  EXPECT_EQ(find(), beside);
  const fs::path usual = put("vae_approx/taew2_1.safetensors");
  EXPECT_EQ(find(), usual);
  const fs::path light = put("vae_approx/lighttaew2_1.safetensors");
  EXPECT_EQ(find(), light);
  EXPECT_EQ(find_wan_tae(models_ / "diffusers" / "wan", 16), light) << "of a pipeline's folder";
}

TEST_F(FindWanTae, AnotherModelsIsNotTaken) {
  put("vae_approx/taehv.safetensors");  // HunyuanVideo's, of the same shapes
  put("vae_approx/taew2_2.safetensors", 48);
  std::ofstream(models_ / "vae_approx" / "taew2_1.safetensors") << "a page that says sign in";
  EXPECT_EQ(find(), fs::path());
  EXPECT_EQ(find(48).filename(), "taew2_2.safetensors");
}

}  // namespace
}  // namespace twill::engine
