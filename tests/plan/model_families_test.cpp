// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/model_families.h"

#include <gtest/gtest.h>

#include <set>

#include "expect_error.h"

namespace twill {
namespace {

TEST(ModelFamilies, WanIsWhatItsAuthorsSay) {
  const ModelFamily& wan = model_family("wan2.1-t2v");
  EXPECT_EQ(wan.patch, (std::array<std::int32_t, 3>{1, 2, 2}));
  EXPECT_EQ(wan.strides, (std::array<std::int32_t, 3>{4, 8, 8}));
  EXPECT_EQ(wan.channels, 16);
  EXPECT_EQ(wan.prediction, Prediction::kFlow);
  EXPECT_EQ(wan.timesteps, 1000.0);
  EXPECT_EQ(wan.stacks, std::vector<std::string>{"blocks"});
  EXPECT_EQ(wan.experts, std::vector<std::string>{"default"});
  EXPECT_EQ(wan.width_step(), 16);
  EXPECT_EQ(wan.height_step(), 16);
  EXPECT_EQ(wan.frame_step(), 4);
  EXPECT_EQ(wan.expert_at(0.0), 0);
  EXPECT_EQ(model_family("cogvideox-1.5").prediction, Prediction::kV);
}

TEST(ModelFamilies, TheSecondExpertRunsBelowTheBoundary) {
  const ModelFamily& two = model_family("wan2.2-t2v");
  EXPECT_EQ(two.experts, (std::vector<std::string>{"high_noise", "low_noise"}));
  EXPECT_EQ(two.expert_at(1.0), 0);
  EXPECT_EQ(two.expert_at(0.875), 0);
  EXPECT_EQ(two.expert_at(0.8749), 1);
}

struct Clip {
  const char* family;
  ClipSize size;
  std::array<std::int32_t, 3> latents;
  std::array<std::int32_t, 3> tokens;
};

// Sizes and tokens of the authors.
TEST(ModelFamilies, ClipsHaveTheTokensOfTheirFamily) {
  for (const Clip& clip : {
           Clip{"wan2.1-t2v", {832, 480, 81}, {21, 60, 104}, {21, 30, 52}},
           Clip{"wan2.2-ti2v", {1280, 704, 121}, {31, 44, 80}, {31, 22, 40}},
           Clip{"hunyuanvideo", {1280, 720, 129}, {33, 90, 160}, {33, 45, 80}},
           Clip{"cogvideox-1.5", {1360, 768, 81}, {21, 96, 170}, {11, 48, 85}},
           Clip{"mochi-1", {848, 480, 163}, {28, 60, 106}, {28, 30, 53}},
           Clip{"ltx-video", {1216, 704, 121}, {16, 22, 38}, {16, 22, 38}},
       }) {
    const ModelFamily& family = model_family(clip.family);
    EXPECT_EQ(family.latent_cells(clip.size), clip.latents) << clip.family;
    const TokenLayout grid = family.grid(clip.size);
    EXPECT_EQ((std::array{grid.frames, grid.rows, grid.cols}), clip.tokens) << clip.family;
    EXPECT_EQ(grid.prefix + grid.suffix, 0);
  }
}

TEST(ModelFamilies, HaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const ModelFamily& family : model_families()) {
    EXPECT_TRUE(names.insert(family.name).second) << family.name;
    EXPECT_EQ(family.boundary.has_value(), family.experts.size() > 1) << family.name;
    // A mask of a latent cell's frames, and a clip's latents.
    EXPECT_TRUE(!family.needs_start() ||
                family.image->channels == family.frame_step() + family.channels)
        << family.name;
  }
  EXPECT_GT(names.size(), 1U);
}

TEST(ModelFamilies, SayWhichPicturesTheyTake) {
  const ModelFamily& text = model_family("wan2.1-t2v");
  EXPECT_FALSE(text.image || text.needs_start() || text.takes_end());
  const ModelFamily& both = model_family("wan2.2-i2v");
  EXPECT_TRUE(both.image && both.needs_start() && both.takes_end());
  const ModelFamily& first = model_family("wan2.2-ti2v");
  EXPECT_TRUE(first.image && first.image->first_frame);
  EXPECT_EQ(first.image->channels, 0);
  EXPECT_FALSE(first.image->encoder || first.needs_start() || first.takes_end());
}

TEST(ModelFamilies, OthersAreRefusedByName) {
  EXPECT_EQ(find_model_family("wan9"), nullptr);
  EXPECT_ERROR(model_family("wan9"), "no facts are known of the model family \"wan9\"");
}

}  // namespace
}  // namespace twill
