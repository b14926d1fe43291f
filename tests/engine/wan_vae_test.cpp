// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/wan_vae.h"

#include <limits>
#include <utility>
#include <vector>

#include "engine_support.h"
#include "models/wan/vae_memory.h"

namespace twill::engine {
namespace {

using testing::random_vae;
using testing::saved;
using testing::TempDir;
using testing::Tensors;
using testing::worst_difference;

struct SmallVae {
  TempDir folder;
  Weights weights = saved(folder / "vae.safetensors", random_vae(4, 1));
  WanVae vae{weights, at::kFloat};
};

// Other lengths add up the same products in another order: up to 27 x 16 of them in a convolution
// (3 x 3 x 3, four times the 4 channels of the first level), some 40 convolutions one behind the
// other. Which order oneDNN takes can differ from run to run.
constexpr double kOrderOfSums = 40 * 21 * 0x1p-24;
constexpr std::int64_t kAllAtOnce = std::int64_t{1} << 40;

TEST(WanVae, GroupsOfFramesGiveTheSameClip) {
  const SmallVae small;
  const at::Tensor latents = at::randn({1, 16, 5, 2, 3});
  const at::Tensor whole = small.vae.decode(latents, {.most_bytes = kAllAtOnce});
  ASSERT_EQ(whole.sizes(), (at::IntArrayRef{1, 3, 17, 16, 24}));
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

// Tiles of 16 cells and of 13 and 14, which need what is 7 cells around them: of a frame that is
// larger, so that none sees it all.
TEST(WanVae, TilesGiveTheSameClip) {
  const SmallVae small;
  const at::Tensor latents = at::randn({2, 16, 3, 3, 40});
  const at::Tensor whole = small.vae.decode(latents);
  const at::Tensor coded = small.vae.encode(whole);
  const at::Tensor alone = small.vae.decode(latents.narrow(4, 0, 20));
  EXPECT_GT(worst_difference(alone, whole.narrow(4, 0, 160)), 100 * kOrderOfSums)
      << "what a tile needs around it would not show";
  for (const VaeTiles& tiles : {VaeTiles{1, 2}, VaeTiles{1, 3}, VaeTiles{3, 2}}) {
    for (const std::int64_t most : {0, 1}) {
      const VaeOptions options{.most_bytes = most, .tiles = tiles};
      const std::string name = concat(tiles.rows, " x ", tiles.cols, " by ", most);
      const at::Tensor video = small.vae.decode(latents, options);
      EXPECT_LE(worst_difference(video, whole), kOrderOfSums) << name;
      const at::Tensor again = small.vae.encode(whole, options);
      EXPECT_LE(worst_difference(again, coded), kOrderOfSums) << name;
    }
  }
}

TEST(WanVae, TilesTellTheirProgressAndStop) {
  const SmallVae small;
  const at::Tensor latents = at::randn({1, 16, 3, 2, 4});
  std::stop_source source;
  std::vector<std::pair<std::int64_t, std::int64_t>> calls;
  VaeOptions options{
      .progress = [&](std::int64_t done, std::int64_t total) { calls.emplace_back(done, total); },
      .stop = source.get_token(),
      .most_bytes = 1,
      .tiles = {1, 2}};
  const at::Tensor video = small.vae.decode(latents, options);
  std::vector<std::pair<std::int64_t, std::int64_t>> expected;
  for (int frames = 1; frames <= 2 * 9; ++frames) {  // of two tiles
    expected.emplace_back(frames / 6, 3);
  }
  EXPECT_EQ(calls, expected);
  calls.clear();
  small.vae.encode(video, options);
  EXPECT_EQ(calls, expected);
  calls.clear();
  options.progress = [&](std::int64_t done, std::int64_t total) {
    calls.emplace_back(done, total);
    source.request_stop();
  };
  EXPECT_THROW(small.vae.decode(latents, options), Cancelled);
  EXPECT_EQ(calls.size(), 1U);
}

// The largest memory, in GB beside weights and latents, of Wan's own widths in bf16 on an H200
// (driver 580.159.04, torch 2.11), where random weights took it: 1280x720x81 of Wan 2.1, and
// 1280x704x121 of Wan 2.2.
struct Taken {
  VaeWork work;
  VaeTiles tiles;
  double wan21, wan22;
};
TEST(WanVaeBytes, AreThoseThatAGpuGave) {
  const WanVaeConfig wan21{.encoder_width = 96, .decoder_width = 96};
  const WanVaeConfig wan22{.residual = true, .encoder_width = 160, .decoder_width = 256};
  const LatentGrid hd21{.frames = 21, .rows = 90, .cols = 160};
  const LatentGrid hd22{.frames = 31, .rows = 44, .cols = 80};
  const auto near = [](std::int64_t bytes, double taken) {
    EXPECT_GT(static_cast<double>(bytes), 1e9 * taken);
    EXPECT_LT(static_cast<double>(bytes), 1.2e9 * taken);
  };
  for (const Taken& taken :
       {Taken{VaeWork::kDecode, {1, 1}, 6.38, 5.34}, Taken{VaeWork::kDecode, {1, 2}, 3.64, 3.61},
        Taken{VaeWork::kDecode, {2, 2}, 2.31, 2.66}, Taken{VaeWork::kDecode, {3, 3}, 1.68, 2.41},
        Taken{VaeWork::kEncode, {1, 1}, 3.99, 2.09}, Taken{VaeWork::kEncode, {1, 2}, 2.22, 1.06},
        Taken{VaeWork::kEncode, {2, 2}, 1.35, 0.72}}) {
    SCOPED_TRACE(concat(taken.work == VaeWork::kDecode ? "decode " : "encode ", taken.tiles.rows,
                        " x ", taken.tiles.cols));
    near(wan_vae_bytes(wan21, at::kBFloat16, taken.work, hd21, taken.tiles), taken.wan21);
    near(wan_vae_bytes(wan22, at::kBFloat16, taken.work, hd22, taken.tiles), taken.wan22);
  }
  const LatentGrid picture{.frames = 1, .rows = 90, .cols = 160};
  EXPECT_EQ(wan_vae_bytes(wan21, at::kFloat, VaeWork::kEncode, picture, {2, 2}) / 2,
            wan_vae_bytes(wan21, at::kBFloat16, VaeWork::kEncode, picture, {2, 2}));
}

TEST(VaeTiles, AreTheFewestThatFit) {
  const LatentGrid grid{.frames = 3, .rows = 40, .cols = 80};
  EXPECT_EQ(most_tiles(grid), (VaeTiles{2, 5}));
  EXPECT_EQ(most_tiles({1, 15, 33}), (VaeTiles{1, 2}));
  const auto area = [](const VaeTiles& tiles) {  // of the largest, with 7 around it
    return (tiles.rows > 1 ? 40 / tiles.rows + 14 : 40) *
           (tiles.cols > 1 ? 80 / tiles.cols + 14 : 80);
  };
  const auto within = [&](std::int64_t room) { return tiles_within(room, grid, area); };
  EXPECT_EQ(within(area({})), VaeTiles());
  EXPECT_EQ(within(area({}) - 1), (VaeTiles{1, 2}));
  EXPECT_EQ(within(area({1, 2}) - 1), (VaeTiles{1, 3}));
  EXPECT_EQ(within(area({1, 3}) - 1), (VaeTiles{1, 4}));
  EXPECT_EQ(within(area({1, 5}) - 1), (VaeTiles{2, 4}));
  EXPECT_EQ(within(area({2, 5})), (VaeTiles{2, 5}));
  EXPECT_EQ(within(0), (VaeTiles{2, 5}));
}

// Causal: what comes later in the clip does not change what came before.
TEST(WanVae, LaterFramesDoNotChangeEarlierOnes) {
  const SmallVae small;
  const at::Tensor latents = at::randn({1, 16, 3, 2, 2});
  const at::Tensor whole = small.vae.decode(latents);
  const at::Tensor start = small.vae.decode(latents.narrow(2, 0, 2));
  EXPECT_LE(worst_difference(whole.narrow(2, 0, 5), start), kOrderOfSums);
}

TEST(WanVae, ValuesAreClamped) {
  const SmallVae small;
  const at::Tensor video = small.vae.decode(at::randn({1, 16, 1, 2, 2}) * 1000);
  EXPECT_LE(video.abs().max().item<float>(), 1.0f);
}

TEST(WanVae, ProgressCountsLatentFramesOfTheWholeBatch) {
  const SmallVae small;
  std::vector<std::pair<std::int64_t, std::int64_t>> calls;
  const VaeOptions options{
      .progress = [&](std::int64_t done, std::int64_t total) { calls.emplace_back(done, total); },
      .most_bytes = kAllAtOnce};
  small.vae.decode(at::randn({2, 16, 3, 2, 2}), options);
  EXPECT_EQ(calls, (std::vector<std::pair<std::int64_t, std::int64_t>>{{3, 6}, {6, 6}}));
}

TEST(WanVae, StopsBetweenGroupsOfFrames) {
  const SmallVae small;
  std::stop_source source;
  VaeOptions options{.stop = source.get_token(), .most_bytes = 1};
  int groups = 0;
  options.progress = [&](std::int64_t, std::int64_t) {
    ++groups;
    source.request_stop();
  };
  EXPECT_THROW(small.vae.decode(at::randn({1, 16, 3, 2, 2}), options), Cancelled);
  EXPECT_EQ(groups, 1);
  EXPECT_THROW(small.vae.encode(at::randn({1, 3, 5, 16, 16}), options), Cancelled);
}

// The stop comes once the only group of frames is under way; the decoder has the same blocks.
TEST(WanVae, StopsWithinAGroupOfFrames) {
  const SmallVae small;
  std::stop_source source;
  const VaeOptions options{.progress = [&](std::int64_t, std::int64_t) { source.request_stop(); },
                           .stop = source.get_token(),
                           .most_bytes = kAllAtOnce};
  EXPECT_THROW(small.vae.encode(at::randn({1, 3, 1, 16, 16}), options), Cancelled);
}

// What a clip is shown and saved in, by the definition.
TEST(WanVae, PixelsAreRoundedToBytes) {
  const SmallVae small;
  const at::Tensor latents = at::randn({1, 16, 2, 2, 3}) * 3;
  for (const VaeTiles& tiles : {VaeTiles{}, VaeTiles{1, 2}}) {
    const at::Tensor exact = small.vae.decode(latents, {.tiles = tiles});
    ASSERT_GT((exact.abs() == 1).sum().item<std::int64_t>(), 0) << "no clamp would show";
    const at::Tensor bytes = small.vae.decode(latents, {.tiles = tiles, .pixels = at::kByte});
    ASSERT_EQ(bytes.scalar_type(), at::kByte);
    EXPECT_TRUE(bytes.equal(((exact + 1) * 127.5).round().to(at::kByte)));
  }
}

// Frames at a time of Wan's own widths in bf16, for clips that artists make.
TEST(VaeGroups, AreWhatFits) {
  const WanVaeConfig wan{.encoder_width = 96, .decoder_width = 96};
  const auto groups = [&](VaeWork work, std::int64_t cells, std::int64_t most) {
    return vae_groups(wan, at::kBFloat16, work, {.frame = cells, .part = cells}, most);
  };
  EXPECT_EQ(groups(VaeWork::kDecode, 90 * 160, kMostVaeBytesOnGpu), (VaeGroups{3, 1, 1, 1}));
  EXPECT_EQ(groups(VaeWork::kDecode, 60 * 104, kMostVaeBytesOnGpu), (VaeGroups{7, 1, 1, 1}));
  EXPECT_EQ(groups(VaeWork::kEncode, 60 * 104, kMostVaeBytesOnGpu), (VaeGroups{1, 2, 4, 18}));
  EXPECT_EQ(groups(VaeWork::kDecode, 90 * 160, 1), (VaeGroups{1, 1, 1, 1}));
}

TEST(WanVae, WrongInputsAreNamed) {
  const SmallVae small;
  EXPECT_ERROR(small.vae.decode(at::randn({1, 4, 1, 2, 2})),
               "latents of shape [1, 4, 1, 2, 2] are not [batch, 16,");
  EXPECT_ERROR(small.vae.decode(at::randn({1, 16, 0, 2, 2})), "latents of shape [1, 16, 0, 2, 2]");
  EXPECT_ERROR(small.vae.encode(at::randn({1, 4, 1, 16, 16})),
               "a video of shape [1, 4, 1, 16, 16]");
  EXPECT_ERROR(small.vae.encode(at::randn({1, 3, 4, 16, 16})),
               "a video of 4 frames: they must be 4n+1");
  EXPECT_ERROR(small.vae.encode(at::randn({1, 3, 5, 16, 12})),
               "a video of 12x16: width and height must be multiples of 8");
  EXPECT_ERROR(small.vae.decode(at::randn({1, 16, 1, 2, 2}), {.tiles = {1, 3}}),
               "1 x 3 tiles of 2 x 2 latent cells");
  EXPECT_ERROR(small.vae.encode(at::randn({1, 3, 1, 16, 16}), {.tiles = {0, 1}}),
               "0 x 1 tiles of 2 x 2 latent cells");
}

TEST(WanVae, OtherFilesAreRefused) {
  const TempDir folder;
  Tensors tensors = random_vae(4, 1);
  tensors.erase("decoder.head.0.gamma");
  EXPECT_ERROR(WanVae(saved(folder / "a.safetensors", tensors), at::kFloat),
               "a.safetensors: no Wan 2.1 VAE");
  tensors = random_vae(4, 1);
  tensors["decoder.upsamples.3.time_conv.bias"] = at::ones(9);
  EXPECT_ERROR(WanVae(saved(folder / "b.safetensors", tensors), at::kFloat),
               "tensor decoder.upsamples.3.time_conv.bias has shape [9], not [32]");
}

// The networks are built from the table, so a row stands for every tensor of a file.
TEST(WanVaeWeights, AreTheTensorsOfAFile) {
  const SmallVae small;
  const WeightTable table = wan_vae_weights(small.vae.config(), at::kHalf);
  EXPECT_EQ(table.rows().size(), small.weights.names().size());
  for (const std::string& name : small.weights.names()) {
    EXPECT_EQ(table.rows()[table.index_of(name)].shape, small.weights.shape(name)) << name;
  }
}

TEST(WanVaeWeights, EachIsMissedByItsName) {
  const TempDir folder;
  const Tensors all = testing::random_vae(4, 1);
  const WeightTable table = wan_vae_weights({.encoder_width = 4, .decoder_width = 4}, at::kFloat);
  for (const TensorRow& row : table.rows()) {
    Tensors tensors = all;
    tensors.erase(row.name);
    EXPECT_ERROR(WanVae(saved(folder / "less.safetensors", tensors), at::kFloat),
                 concat("tensor ", row.name, " is missing"));
  }
}

TEST(WanVae, UnknownTensorsAreRefused) {
  const TempDir folder;
  Tensors tensors = random_vae(4, 1);
  tensors["decoder.upsamples.3.gate.weight"] = at::ones(9);
  EXPECT_ERROR(WanVae(saved(folder / "a.safetensors", tensors), at::kFloat),
               "a.safetensors: tensor decoder.upsamples.3.gate.weight is not known: a Wan 2.1 VAE "
               "does not have it");
}

TEST(WanVae, FramesThatAreNotFiniteAreNamed) {
  const SmallVae small;
  at::Tensor latents = at::randn({1, 16, 3, 2, 2});
  latents[0][3][1][0][1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_ERROR(small.vae.decode(latents, {.most_bytes = 1}),
               "of the VAE's frame 2 not all values are finite");
  EXPECT_ERROR(small.vae.decode(latents, {.tiles = {1, 2}}),
               "of the VAE's frames 1 to 9 not all values are finite");
  latents[0][3][1][0][1] = 1e30f;  // an infinity inside would be white
  EXPECT_ERROR(WanVae(small.weights, at::kHalf).decode(latents, {.most_bytes = 1}),
               "of the VAE's frame 2 not all values are finite");
}

// bf16 keeps 8 bits and fp16 11, and some twenty layers follow each other.
class HalfWanVae : public ::testing::TestWithParam<at::ScalarType> {};
INSTANTIATE_TEST_SUITE_P(Dtypes, HalfWanVae, ::testing::Values(at::kBFloat16, at::kHalf),
                         [](const auto& row) { return std::string(c10::toString(row.param)); });
TEST_P(HalfWanVae, StaysNearFp32) {
  const SmallVae small;
  const double rounding = GetParam() == at::kHalf ? 0x1p-11 : 0x1p-8;
  const WanVae half(small.weights, GetParam());
  const at::Tensor latents = at::randn({1, 16, 2, 2, 2});
  const at::Tensor exact = small.vae.decode(latents);
  const at::Tensor rounded = half.decode(latents);
  EXPECT_EQ(rounded.scalar_type(), at::kFloat);
  const double relative = ((rounded - exact).norm() / exact.norm()).item<double>();
  EXPECT_LT(relative, 20 * rounding);
  EXPECT_GT(relative, rounding * rounding);
}

}  // namespace
}  // namespace twill::engine
