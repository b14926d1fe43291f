// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/clip_vision.h"

#include <ATen/ATen.h>

#include <functional>

#include "engine_support.h"
#include "image/picture_ops.h"

namespace twill::engine {
namespace {

using testing::clip_vision_metadata;
using testing::random_clip_vision;
using testing::saved;
using testing::TempDir;
using testing::Tensors;

ClipVisionEncoder encoder_of(const Weights& weights, at::ScalarType dtype = at::kFloat) {
  return {weights, detect_clip_vision_config(weights), dtype, at::kCPU};
}

// Every name behind "vision_model.", as ComfyUI's file has it.
Tensors prefixed(const Tensors& tensors) {
  Tensors renamed;
  for (const auto& [name, tensor] : tensors) {
    renamed["vision_model." + name] = tensor;
  }
  return renamed;
}

TEST(ClipVision, IsReadFromTheTensors) {
  const TempDir folder;
  const Weights weights = saved(folder / "c.safetensors", prefixed(random_clip_vision({}, 1)),
                                clip_vision_metadata({}));
  const ClipVisionConfig config = detect_clip_vision_config(weights);
  EXPECT_EQ(config.dim, 8);
  EXPECT_EQ(config.layers, 2);
  EXPECT_EQ(config.heads, 2);
  EXPECT_EQ(config.ffn_dim, 12);
  EXPECT_EQ(config.tokens(), 10);
  EXPECT_EQ(config.image_size(), 6);
  EXPECT_EQ(config.prefix, "vision_model.");
  EXPECT_EQ(detect_clip_vision_config(weights, 4).heads, 4);
}

TEST(ClipVision, HeadsOfVitHugeFollowFromItsWidth) {
  const TempDir folder;
  const Weights weights =
      saved(folder / "c.safetensors", random_clip_vision({.dim = 1280, .layers = 1, .ffn = 4}, 1));
  EXPECT_EQ(detect_clip_vision_config(weights).heads, 16);
}

// The last layer and the norm behind it change nothing of the result, but are looked for.
TEST(ClipVision, TheLastLayerIsCheckedAndNotUsed) {
  const TempDir folder;
  Tensors tensors = random_clip_vision({}, 1);
  const at::Tensor pixels = at::randn({1, 3, 6, 6});
  const at::Tensor before =
      encoder_of(saved(folder / "a.safetensors", tensors, clip_vision_metadata({}))).run(pixels);
  tensors["encoder.layers.1.mlp.fc1.weight"].mul_(2);
  const at::Tensor last_changed =
      encoder_of(saved(folder / "b.safetensors", tensors, clip_vision_metadata({}))).run(pixels);
  EXPECT_TRUE(before.equal(last_changed));
  tensors["encoder.layers.0.mlp.fc1.weight"].mul_(2);
  const at::Tensor first_changed =
      encoder_of(saved(folder / "c.safetensors", tensors, clip_vision_metadata({}))).run(pixels);
  EXPECT_FALSE(before.equal(first_changed));
}

TEST(ClipVision, HalfDtypesStayNearFp32) {
  const TempDir folder;
  const Weights weights =
      saved(folder / "c.safetensors", random_clip_vision({.dim = 32, .layers = 4, .ffn = 48}, 3),
            clip_vision_metadata({}));
  const at::Tensor pixels = at::randn({1, 3, 6, 6});
  const at::Tensor exact = encoder_of(weights).run(pixels);
  for (const at::ScalarType dtype : {at::kBFloat16, at::kHalf}) {
    const double step = dtype == at::kHalf ? 0x1p-11 : 0x1p-8;
    const at::Tensor near = encoder_of(weights, dtype).run(pixels);
    EXPECT_LT(testing::worst_difference(near, exact), 8 * step * exact.abs().max().item<double>());
  }
}

struct BadFile {
  const char* why;
  std::function<void(Tensors&)> change;
  const char* metadata;
  const char* part;
};
void PrintTo(const BadFile& bad, std::ostream* out) { *out << bad.why; }
class ClipVisionRefuses : public ::testing::TestWithParam<BadFile> {};
TEST_P(ClipVisionRefuses, OtherFiles) {
  const TempDir folder;
  Tensors tensors = random_clip_vision({}, 1);
  GetParam().change(tensors);
  const Weights weights =
      saved(folder / "c.safetensors", tensors, {{"config", GetParam().metadata}});
  EXPECT_ERROR(encoder_of(weights), std::string("c.safetensors: ") + GetParam().part);
}
constexpr const char* kTwoHeads = R"({"vision": {"num_heads": 2}})";
constexpr const char* kPatches = "embeddings.patch_embedding.weight";
constexpr const char* kPositions = "embeddings.position_embedding.weight";
INSTANTIATE_TEST_SUITE_P(
    Files, ClipVisionRefuses,
    ::testing::Values(
        BadFile{"another_network", [](Tensors& all) { all.erase(kPatches); }, kTwoHeads,
                "is no CLIP vision transformer: tensor vision_model.embeddings.patch_embedding."
                "weight or embeddings.patch_embedding.weight is missing"},
        BadFile{"names_of_wan",
                [](Tensors& all) { all["visual.patch_embedding.weight"] = all.at(kPatches); },
                kTwoHeads,
                "has the names of Wan's own CLIP file (tensor visual.patch_embedding.weight); "},
        BadFile{"no_heads", [](Tensors&) {}, "{}",
                "is a CLIP vision transformer 8 wide, not the 1280 of ViT-H, and nothing states "},
        BadFile{"heads_that_do_not_divide", [](Tensors&) {}, R"({"vision": {"num_heads": 3}})",
                "3 heads do not divide a width of 8"},
        BadFile{"heads_are_text", [](Tensors&) {}, R"({"vision": {"num_heads": "two"}})",
                "config.vision.num_heads is \"two\", not a whole number from 1"},
        BadFile{
            "oblong_patches",
            [](Tensors& all) {
              all[kPatches] = at::ones({8, 3, 2, 3});
            },
            kTwoHeads,
            "tensor embeddings.patch_embedding.weight has shape [8, 3, 2, 3], not that of square "
            "patches of 3 colours"},
        BadFile{
            "oblong_grid",
            [](Tensors& all) {
              all[kPositions] = at::ones({9, 8});
            },
            kTwoHeads,
            "tensor embeddings.position_embedding.weight has 9 rows, not one more than a square of "
            "patches"},
        BadFile{"large_pictures",
                [](Tensors& all) {
                  all[kPatches] = at::ones({8, 3, 1400, 1400});
                },
                kTwoHeads, "takes pictures of 3 patches of 1400 pixels a side, over the limit of "},
        BadFile{"a_layer_missing",
                [](Tensors& all) { all["encoder.layers.3.layer_norm1.bias"] = at::ones({8}); },
                kTwoHeads, "layer 2 of layers 0 to 3 is missing"},
        BadFile{"a_layer_far_away",
                [](Tensors& all) { all["encoder.layers.1000.layer_norm1.bias"] = at::ones({8}); },
                kTwoHeads, "tensor encoder.layers.1000.layer_norm1.bias is of a layer over the "},
        BadFile{"a_tensor_missing",
                [](Tensors& all) { all.erase("encoder.layers.1.mlp.fc2.bias"); }, kTwoHeads,
                "tensor encoder.layers.1.mlp.fc2.bias is missing"},
        BadFile{"an_unknown_tensor", [](Tensors& all) { all["pooler.weight"] = at::ones({8}); },
                kTwoHeads, "tensor pooler.weight is not known: a CLIP vision transformer does not"},
        BadFile{"another_projection",
                [](Tensors& all) {
                  all["visual_projection.weight"] = at::ones({4, 9});
                },
                kTwoHeads, "tensor visual_projection.weight has shape [4, 9], not [4, 8]"},
        BadFile{"positions_in_another_order",
                [](Tensors& all) { all["embeddings.position_ids"] = at::arange(9, -1, -1); },
                kTwoHeads, "tensor embeddings.position_ids does not count the positions from 0 on"},
        BadFile{"too_few_position_numbers",
                [](Tensors& all) { all["embeddings.position_ids"] = at::arange(9); }, kTwoHeads,
                "tensor embeddings.position_ids has shape [9] and dtype Long, not 10 whole"}),
    [](const auto& row) { return std::string(row.param.why); });

TEST(Pictures, OtherShapesAreRefused) {
  EXPECT_ERROR(clip_pixels(at::zeros({4, 4}, at::kByte), 224),
               "a picture of shape [4, 4] is not [height, width, 3] of uint8");
  EXPECT_ERROR(cover(at::zeros({4, 4, 3}), 16, 16), "is not [height, width, 3] of uint8");
  EXPECT_ERROR(clip_pixels(at::zeros({1, 65, 3}, at::kByte), 224),
               "a picture of 65x1 is more than 64 times as long as wide");
  EXPECT_EQ(cover(at::zeros({1, 64, 3}, at::kByte), 16, 16).sizes(),
            (at::IntArrayRef{1, 3, 16, 16}));
}

TEST(ClipVision, StopsWhenAsked) {
  const TempDir folder;
  const Weights weights =
      saved(folder / "c.safetensors", random_clip_vision({}, 1), clip_vision_metadata({}));
  std::stop_source source;
  source.request_stop();
  EXPECT_THROW(encoder_of(weights).run(at::zeros({1, 3, 6, 6}), source.get_token()), Cancelled);
}

}  // namespace
}  // namespace twill::engine
