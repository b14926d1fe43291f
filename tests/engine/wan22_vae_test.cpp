// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Wan 2.2's VAE; wan_vae_test.cpp has what both of Wan's share.
#include <vector>

#include "engine_support.h"
#include "twill/engine/wan_vae.h"

namespace twill::engine {
namespace {

using testing::random_vae22;
using testing::saved;
using testing::TempDir;
using testing::Tensors;
using testing::worst_difference;

constexpr WanVaeConfig kSmall{.residual = true, .encoder_width = 2, .decoder_width = 4};

struct SmallVae {
  TempDir folder;
  Weights weights = saved(folder / "vae.safetensors", random_vae22(kSmall, 1));
  WanVae vae{weights, at::kFloat};
};

// As in wan_vae_test.cpp, whose widths are no smaller.
constexpr double kOrderOfSums = 40 * 21 * 0x1p-24;
constexpr std::int64_t kAllAtOnce = std::int64_t{1} << 40;

TEST(Wan22Vae, IsToldByItsTensors) {
  const SmallVae small;
  EXPECT_TRUE(small.vae.config().residual);
  EXPECT_EQ(small.vae.config().encoder_width, 2);
  EXPECT_EQ(small.vae.config().decoder_width, 4);
  EXPECT_EQ(detect_latent_channels(small.weights), 48);
}

TEST(Wan22Vae, GroupsOfFramesGiveTheSameClip) {
  const SmallVae small;
  const at::Tensor latents = at::randn({1, 48, 5, 1, 2});
  const at::Tensor whole = small.vae.decode(latents, {.most_bytes = kAllAtOnce});
  ASSERT_EQ(whole.sizes(), (at::IntArrayRef{1, 3, 17, 16, 32}));
  const at::Tensor alone = small.vae.decode(latents.narrow(2, 2, 3), {.most_bytes = kAllAtOnce});
  EXPECT_GT(worst_difference(alone.narrow(2, 1, 8), whole.narrow(2, 9, 8)), 100 * kOrderOfSums)
      << "what a group takes over from the one before would not show";
  const at::Tensor coded = small.vae.encode(whole, {.most_bytes = kAllAtOnce});
  ASSERT_EQ(coded.sizes(), latents.sizes());
  for (const std::int64_t most : {1, 10'000, 20'000, 60'000, 0}) {
    const VaeOptions options{.most_bytes = most};
    EXPECT_LE(worst_difference(small.vae.decode(latents, options), whole), kOrderOfSums) << most;
    EXPECT_LE(worst_difference(small.vae.encode(whole, options), coded), kOrderOfSums) << most;
  }
}

TEST(Wan22Vae, TilesGiveTheSameClip) {
  const SmallVae small;
  const at::Tensor latents = at::randn({1, 48, 3, 2, 34});
  const at::Tensor whole = small.vae.decode(latents);
  const at::Tensor coded = small.vae.encode(whole);
  for (const VaeTiles& tiles : {VaeTiles{1, 2}, VaeTiles{2, 3}}) {
    const std::string name = concat(tiles.rows, " x ", tiles.cols);
    EXPECT_LE(worst_difference(small.vae.decode(latents, {.tiles = tiles}), whole), kOrderOfSums)
        << name;
    EXPECT_LE(worst_difference(small.vae.encode(whole, {.tiles = tiles}), coded), kOrderOfSums)
        << name;
  }
}

TEST(Wan22Vae, WrongInputsAreNamed) {
  const SmallVae small;
  EXPECT_ERROR(small.vae.decode(at::randn({1, 16, 1, 2, 2})),
               "latents of shape [1, 16, 1, 2, 2] are not [batch, 48,");
  EXPECT_ERROR(small.vae.encode(at::randn({1, 3, 5, 32, 24})),
               "a video of 24x32: width and height must be multiples of 16");
}

TEST(Wan22Vae, OtherFilesAreRefused) {
  const TempDir folder;
  const auto refused = [&](const char* name, const at::Tensor& tensor, const std::string& part) {
    Tensors tensors = random_vae22(kSmall, 1);
    tensors.erase(name);
    if (tensor.defined()) {
      tensors[name] = tensor;
    }
    EXPECT_ERROR(WanVae(saved(folder / "a.safetensors", tensors), at::kFloat),
                 concat("a.safetensors: ", part));
  };
  refused("decoder.head.0.gamma", {}, "no Wan 2.2 VAE: tensor decoder.head.0.gamma is missing");
  refused("encoder.conv1.weight", at::ones({2}),
          "tensor encoder.conv1.weight has shape [2], not [width, channels, 3, 3, 3]");
  refused("decoder.upsamples.1.upsamples.3.time_conv.bias", at::ones({9}),
          "tensor decoder.upsamples.1.upsamples.3.time_conv.bias has shape [9], not [32]");
  refused("decoder.upsamples.3.upsamples.3.time_conv.bias", at::ones({9}),
          "tensor decoder.upsamples.3.upsamples.3.time_conv.bias is not known: a Wan 2.2 VAE does "
          "not have it");
  refused("conv2.weight", at::ones({16, 16, 1, 1, 1}),
          "tensor conv2.weight has shape [16, 16, 1, 1, 1], not [48, 48, 1, 1, 1]");
}

// A few: reading is Wan 2.1's, whose test goes through all. The step meets weights, biases and
// gammas.
TEST(Wan22VaeWeights, AreMissedByTheirNames) {
  const TempDir folder;
  const Tensors all = random_vae22(kSmall, 1);
  const WeightTable table = wan_vae_weights(kSmall, at::kFloat);
  EXPECT_EQ(table.rows().size(), all.size());
  for (std::size_t i = 0; i < table.rows().size(); i += 23) {
    const std::string& name = table.rows()[i].name;
    Tensors tensors = all;
    tensors.erase(name);
    EXPECT_ERROR(WanVae(saved(folder / "less.safetensors", tensors), at::kFloat),
                 concat("tensor ", name, " is missing"));
  }
}

// bf16 keeps 8 bits and fp16 11, and some twenty layers follow each other.
class HalfWan22Vae : public ::testing::TestWithParam<at::ScalarType> {};
INSTANTIATE_TEST_SUITE_P(Dtypes, HalfWan22Vae, ::testing::Values(at::kBFloat16, at::kHalf),
                         [](const auto& row) { return std::string(c10::toString(row.param)); });
TEST_P(HalfWan22Vae, StaysNearFp32) {
  const SmallVae small;
  const double rounding = GetParam() == at::kHalf ? 0x1p-11 : 0x1p-8;
  const WanVae half(small.weights, GetParam());
  const at::Tensor latents = at::randn({1, 48, 2, 1, 2});
  const at::Tensor exact = small.vae.decode(latents);
  const double relative = ((half.decode(latents) - exact).norm() / exact.norm()).item<double>();
  EXPECT_LT(relative, 20 * rounding);
  EXPECT_GT(relative, rounding * rounding);
}

}  // namespace
}  // namespace twill::engine
