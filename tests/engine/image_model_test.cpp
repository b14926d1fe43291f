// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Models that make a clip from pictures.
#include <ATen/ATen.h>

#include <fstream>

#include "engine_support.h"
#include "image/picture_ops.h"
#include "twill/engine/clip_vision.h"
#include "twill/engine/model.h"
#include "twill/engine/wan_dit.h"

namespace twill::engine {
namespace {

using testing::SmallDit;
using testing::TempDir;

constexpr ClipSize kSize{.width = 32, .height = 48, .frames = 9};
constexpr SmallDit kSeeing{.in_channels = 36, .image_dim = 8};

// A folder of `family`, with one file for each of `networks`.
void write_model(const TempDir& folder, const std::string& family, const SmallDit& shape,
                 const std::vector<std::string>& networks, bool encoder) {
  std::string files = R"("vae": "v.safetensors", "text": "t.safetensors")";
  for (std::size_t i = 0; i < networks.size(); ++i) {
    files += concat(", \"", networks[i], "\": \"d", i, ".safetensors\"");
    write_safetensors(folder / concat("d", i, ".safetensors"), random_dit(shape, i + 1),
                      dit_metadata(shape));
  }
  if (encoder) {
    files += R"(, "image_encoder": "c.safetensors")";
    write_safetensors(folder / "c.safetensors", testing::random_clip_vision({}, 5),
                      testing::clip_vision_metadata({}));
  }
  write_safetensors(
      folder / "v.safetensors",
      shape.channels == 48
          ? testing::random_vae22({.residual = true, .encoder_width = 2, .decoder_width = 4}, 1)
          : testing::random_vae(4, 1));
  write_safetensors(folder / "t.safetensors",
                    {{"word_embedding.weight", at::ones({1, 6})},
                     {"position_embedding.weight", at::ones({2, 6})}},
                    {{"vocabulary", R"(["a"])"}, {"text_len", "2"}});
  std::ofstream(folder / "model.json")
      << R"({"family": ")" << family << R"(", "files": {)" << files << R"(},
  "default": {"width": 32, "height": 48, "frames": 9, "fps": 16, "steps": 20, "shift": 3.0, "cfg": 1.0, "sampler": "euler"}})";
}

VideoModel loaded(const TempDir& folder) {
  return load_model(folder.path(), {.device = c10::kCPU, .dtype = c10::kFloat});
}

at::Tensor picture(std::int64_t height, std::int64_t width, std::uint64_t seed) {
  const at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::randint(0, 256, {height, width, 3}, generator, at::TensorOptions(at::kByte));
}

TEST(ImageModel, LatentsHaveTheChannelsThatTheNetworkMakes) {
  const TempDir folder;
  write_model(folder, "wan2.1-i2v", kSeeing, {"dit"}, true);
  const VideoModel model = loaded(folder);
  EXPECT_EQ(model.latent_shape(kSize), (std::array<std::int64_t, 5>{1, 16, 3, 6, 4}));
  EXPECT_TRUE(model.takes_start());
  EXPECT_FALSE(model.takes_start_and_end());
  EXPECT_EQ(inspect_model(folder.path()).image->tokens(), 10);
}

// By the definition: a channel of the mask is a frame of its latent cell.
TEST(ImageModel, TheMaskMarksTheFramesThatAreGiven) {
  const TempDir folder;
  write_model(folder, "wan2.2-i2v", {.in_channels = 36}, {"dit_high_noise", "dit_low_noise"},
              false);
  const VideoModel model = loaded(folder);
  const Pictures start{.start = picture(48, 32, 1)};
  const Pictures both{.start = start.start, .end = picture(48, 32, 2)};
  for (const Pictures* pictures : {&start, &both}) {
    const ImageConditions images = model.encode_pictures(*pictures, kSize);
    ASSERT_EQ(images.channels.sizes(), (at::IntArrayRef{1, 20, 3, 6, 4}));
    EXPECT_FALSE(images.tokens.defined());
    for (std::int64_t frame = -3; frame < kSize.frames; ++frame) {
      // Frames -3 to -1 stand for the first one.
      const bool given = frame <= 0 || (pictures->end.defined() && frame == kSize.frames - 1);
      const at::Tensor cells = images.channels[0][(frame + 3) % 4][(frame + 3) / 4];
      EXPECT_TRUE(cells.equal(at::full_like(cells, given ? 1.0 : 0.0))) << frame;
    }
    at::Tensor clip = at::zeros({1, 3, kSize.frames, kSize.height, kSize.width});
    clip.select(2, 0).copy_(cover(pictures->start, kSize.width, kSize.height));
    if (pictures->end.defined()) {
      clip.select(2, kSize.frames - 1).copy_(cover(pictures->end, kSize.width, kSize.height));
    }
    EXPECT_TRUE(images.channels.narrow(1, 4, 16).equal(model.vae->encode(clip)));
  }
}

TEST(ImageModel, TheNetworkIsGivenNoiseThenMaskThenPictures) {
  const TempDir folder;
  write_model(folder, "wan2.1-i2v", kSeeing, {"dit"}, true);
  const VideoModel model = loaded(folder);
  const ImageConditions images = model.encode_pictures({.start = picture(30, 50, 1)}, kSize);
  const Conditioned prompt = model.condition("a", images);
  const at::Tensor x = at::randn(model.latent_shape(kSize));
  DenseAttention attention;
  const at::Tensor made = model.forward(x, prompt, attention, {.t = 0.5});

  const Weights weights = Weights::open(folder / "d0.safetensors");
  const WanDit alone(weights, detect_wan_config(weights), at::kFloat);
  const Weights clip = Weights::open(folder / "c.safetensors");
  const ClipVisionEncoder encoder(clip, detect_clip_vision_config(clip), at::kFloat, at::kCPU);
  const at::Tensor tokens = encoder.encode(picture(30, 50, 1), {});
  EXPECT_TRUE(tokens.equal(images.tokens));
  const at::Tensor expected =
      alone.forward(at::cat({x, images.channels}, 1), at::full({1}, 500.0, at::kFloat),
                    alone.prepare_prompt(model.text->encode("a"), tokens), attention, {.t = 0.5});
  EXPECT_TRUE(made.equal(expected));
}

TEST(ImageModel, BothExpertsAreGivenThePictures) {
  const TempDir folder;
  write_model(folder, "wan2.2-i2v", {.in_channels = 36}, {"dit_high_noise", "dit_low_noise"},
              false);
  const VideoModel model = loaded(folder);
  EXPECT_TRUE(model.takes_start() && model.takes_start_and_end());
  DenseAttention attention;
  const at::Tensor x = at::randn(model.latent_shape(kSize));
  const auto made = [&](std::uint64_t seed, double t) {
    const ImageConditions images = model.encode_pictures({.start = picture(48, 32, seed)}, kSize);
    return model.forward(x, model.condition("a", images), attention, {.t = t});
  };
  EXPECT_ERROR(model.condition(
                   "a", {.channels = at::zeros({1, 20, 3, 6, 4}), .tokens = at::zeros({1, 10, 8})}),
               "a Wan transformer that takes no image's tokens was given some");
  EXPECT_FALSE(made(1, 0.9).equal(made(2, 0.9)));
  EXPECT_FALSE(made(1, 0.89).equal(made(2, 0.89)));
}

TEST(ImageModel, OneOfAFirstAndALastFrameTakesTwoPictures) {
  const TempDir folder;
  write_model(folder, "wan2.1-i2v", {.in_channels = 36, .image_dim = 8, .image_positions = 20},
              {"dit"}, true);
  const VideoModel model = loaded(folder);
  const ImageConditions images =
      model.encode_pictures({.start = picture(9, 9, 1), .end = picture(9, 9, 2)}, kSize);
  EXPECT_EQ(images.tokens.sizes(), (at::IntArrayRef{1, 20, 8}));
  model.condition("a", images);
  EXPECT_ERROR(
      model.condition("a", {.channels = images.channels, .tokens = images.tokens.narrow(1, 0, 10)}),
      "10 tokens of images were given to a model that has positions for 20");
  EXPECT_ERROR(model.encode_pictures({.start = picture(9, 9, 1)}, kSize),
               "makes a clip from a start and an end picture, and no end picture was given");
}

TEST(ImageModel, PicturesThatItDoesNotTakeAreRefused) {
  const TempDir folder;
  write_model(folder, "wan2.1-i2v", kSeeing, {"dit"}, true);
  const VideoModel model = loaded(folder);
  const Pictures both{.start = picture(9, 9, 1), .end = picture(9, 9, 2)};
  EXPECT_ERROR(model.encode_pictures(both, kSize),
               "makes a clip from a start picture alone, but an end picture was given");
  EXPECT_ERROR(model.encode_pictures({}, kSize), "makes a clip from a picture, and none was given");
  EXPECT_ERROR(model.condition("a"),
               "a Wan transformer that takes 20 channels of pictures was given 0");
  const ImageConditions images = model.encode_pictures({.start = picture(9, 9, 1)}, kSize);
  EXPECT_ERROR(model.condition("a", {.channels = images.channels}),
               "an image's tokens of shape [] are not [1, tokens, 8]");
  DenseAttention attention;
  EXPECT_ERROR(model.forward(at::zeros({1, 16, 2, 6, 4}), model.condition("a", images), attention,
                             {.t = 0.5}),
               "latents of shape [1, 16, 2, 6, 4] were given with pictures for [1, 20, 3, 6, 4]");
}

TEST(ImageModel, AClipOfOneFrameHasNoEnd) {
  const TempDir folder;
  write_model(folder, "wan2.2-i2v", {.in_channels = 36}, {"dit_high_noise", "dit_low_noise"},
              false);
  EXPECT_ERROR(loaded(folder).encode_pictures({.start = picture(9, 9, 1), .end = picture(9, 9, 2)},
                                              {.width = 32, .height = 48, .frames = 1}),
               "a clip of one frame has no end picture beside its start picture");
}

// Of TI2V 5B's form.
constexpr SmallDit kFirstFrame{.channels = 48};
constexpr ClipSize kFirstFrameSize{.width = 64, .height = 32, .frames = 9};

TEST(FirstFrame, IsTheEncodedPictureAtTimeZero) {
  const TempDir folder;
  write_model(folder, "wan2.2-ti2v", kFirstFrame, {"dit"}, false);
  const VideoModel model = loaded(folder);
  EXPECT_TRUE(model.takes_start());
  EXPECT_FALSE(model.takes_start_and_end());
  const at::Tensor start = picture(30, 50, 1);
  const ImageConditions images = model.encode_pictures({.start = start}, kFirstFrameSize);
  EXPECT_FALSE(images.channels.defined() || images.tokens.defined());
  ASSERT_EQ(images.first_frame.sizes(), (at::IntArrayRef{1, 48, 1, 2, 4}));
  EXPECT_TRUE(images.first_frame.equal(model.vae->encode(cover(start, 64, 32).unsqueeze(2))));

  const at::Tensor x = at::randn(model.latent_shape(kFirstFrameSize));
  const at::Tensor noise = x.clone();
  DenseAttention attention;
  const at::Tensor made = model.forward(x, model.condition("a", images), attention, {.t = 0.5});
  EXPECT_TRUE(x.equal(noise)) << "the caller's latents were written to";

  // By diffusers' definition: the frame is the picture's whatever stands there, and so is its time.
  at::Tensor seen = x.clone();
  seen.narrow(2, 0, 1).copy_(images.first_frame);
  const Weights weights = Weights::open(folder / "d0.safetensors");
  const WanDit alone(weights, detect_wan_config(weights), at::kFloat);
  const at::Tensor times = at::tensor({0.0F, 500.0F, 500.0F}).unsqueeze(0);
  EXPECT_TRUE(made.equal(alone.forward(seen, times, model.text->encode("a"), attention, {})));
  const at::Tensor from_text = model.forward(x, model.condition("a"), attention, {.t = 0.5});
  EXPECT_FALSE(made.equal(from_text));
}

TEST(FirstFrame, IsPutIntoLatentsAndNothingElseIs) {
  const ImageConditions images{.first_frame = at::randn({1, 48, 1, 2, 4})};
  const at::Tensor before = at::randn({1, 48, 3, 2, 4});
  at::Tensor latents = before.clone();
  images.put_into(latents);
  EXPECT_TRUE(latents.narrow(2, 0, 1).equal(images.first_frame));
  EXPECT_TRUE(latents.narrow(2, 1, 2).equal(before.narrow(2, 1, 2)));
  ImageConditions{}.put_into(latents = before.clone());
  EXPECT_TRUE(latents.equal(before));
}

// Sites carry a gate for each frame: what profilers measure heads by.
TEST(FirstFrame, ItsAttentionHasGatesOfItsOwn) {
  class Gates final : public SelfAttention {
   public:
    at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                   const AttentionSite& site) override {
      EXPECT_EQ(site.t, 0.5);
      EXPECT_EQ(site.gate->size(0), 3);
      EXPECT_FALSE((*site.gate)[0].equal((*site.gate)[1]));
      EXPECT_TRUE((*site.gate)[1].equal((*site.gate)[2]));
      return DenseAttention().run(q, k, v, site);
    }
  };
  const TempDir folder;
  write_model(folder, "wan2.2-ti2v", kFirstFrame, {"dit"}, false);
  const VideoModel model = loaded(folder);
  const ImageConditions images =
      model.encode_pictures({.start = picture(9, 9, 1)}, kFirstFrameSize);
  Gates gates;
  model.forward(at::randn(model.latent_shape(kFirstFrameSize)), model.condition("a", images), gates,
                {.t = 0.5});
}

TEST(FirstFrame, WhatDoesNotFitItIsRefused) {
  const TempDir folder;
  write_model(folder, "wan2.2-ti2v", kFirstFrame, {"dit"}, false);
  const VideoModel model = loaded(folder);
  const Pictures start{.start = picture(9, 9, 1)};
  const Pictures both{.start = start.start, .end = picture(9, 9, 2)};
  const std::string of = concat(folder.path().string(), ": a model of wan2.2-ti2v");
  EXPECT_ERROR(model.encode_pictures(both, kFirstFrameSize),
               of + " makes a clip from a start picture or from text alone and takes no end "
                    "picture, but one was given");
  EXPECT_ERROR(model.encode_pictures(start, {.width = 64, .height = 32, .frames = 1}),
               of + " makes the start picture the clip's first frame, so a clip of one frame "
                    "would be that picture: give more frames");
  const ImageConditions images = model.encode_pictures(start, kFirstFrameSize);
  DenseAttention attention;
  EXPECT_ERROR(model.forward(at::zeros({1, 48, 3, 2, 2}), model.condition("a", images), attention,
                             {.t = 0.5}),
               "latents of shape [1, 48, 3, 2, 2] were given with pictures for [1, 48, 1, 2, 4]");
  const TempDir other;
  write_model(other, "wan2.1-t2v", {}, {"dit"}, false);
  EXPECT_ERROR(loaded(other).condition("a", images),
               "a Wan transformer of wan2.1-t2v, whose first latent frame is no picture's, was "
               "given one");
}

struct BadPart {
  const char* why;
  const char* family;
  SmallDit shape;
  bool encoder;
  const char* part;
};
void PrintTo(const BadPart& bad, std::ostream* out) { *out << bad.why; }
class ImageModelRefuses : public ::testing::TestWithParam<BadPart> {};
TEST_P(ImageModelRefuses, PartsOfAnotherModel) {
  const TempDir folder;
  const BadPart& bad = GetParam();
  const bool two = std::string(bad.family) == "wan2.2-i2v";
  write_model(folder, bad.family, bad.shape,
              two ? std::vector<std::string>{"dit_high_noise", "dit_low_noise"}
                  : std::vector<std::string>{"dit"},
              bad.encoder);
  EXPECT_ERROR(load_model(folder.path()), bad.part);
  EXPECT_ERROR(inspect_model(folder.path()), bad.part);
}
INSTANTIATE_TEST_SUITE_P(
    Parts, ImageModelRefuses,
    ::testing::Values(
        BadPart{"text_to_video",
                "wan2.1-i2v",
                {},
                true,
                "d0.safetensors: takes 16 channels and makes 16: no image-to-video model; one of "
                "wan2.1-i2v takes 36"},
        BadPart{"without_image_keys",
                "wan2.1-i2v",
                {.in_channels = 36},
                true,
                "d0.safetensors: has no place for an encoded picture (tensor img_emb.proj.0.bias), "
                "but one of wan2.1-i2v has it"},
        BadPart{"with_image_keys", "wan2.2-i2v", kSeeing, false,
                "d0.safetensors: takes an encoded picture (tensor img_emb.proj.0.bias), but one of "
                "wan2.2-i2v takes none"},
        BadPart{"another_width",
                "wan2.1-i2v",
                {.in_channels = 36, .image_dim = 10},
                true,
                "c.safetensors: its tokens have 8 numbers, but "},
        BadPart{"other_positions",
                "wan2.1-i2v",
                {.in_channels = 36, .image_dim = 8, .image_positions = 11},
                true,
                "c.safetensors: makes 10 tokens of a picture, but "},
        BadPart{"no_encoder", "wan2.1-i2v", kSeeing, false,
                "model.json.files: field image_encoder is missing"},
        BadPart{"an_encoder_too_much",
                "wan2.2-i2v",
                {.in_channels = 36},
                true,
                "model.json.files.image_encoder is not known; known are dit_high_noise, "
                "dit_low_noise, vae, text and tokenizer"}),
    [](const auto& row) { return std::string(row.param.why); });

}  // namespace
}  // namespace twill::engine
