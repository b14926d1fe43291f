// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/model.h"

#include "twill/engine/latent_preview.h"
#include "twill/plan/error.h"

namespace twill::engine {
namespace {

namespace fs = std::filesystem;

// The VAE's stride times the transformer's patch.
constexpr std::int32_t kPixelsPerToken = 16;
constexpr std::int32_t kPixelsPerLatent = 8;
constexpr std::int32_t kFramesPerLatent = 4;

// Each part is read by itself; here they meet.
void check_parts(const ModelDescription& files, const WanConfig& dit, std::int64_t vae_channels,
                 const TextTable& text) {
  require(dit.in_channels == dit.out_channels, ErrorCode::kUnsupported, files.dit.string(),
          ": takes ", dit.in_channels, " channels and makes ", dit.out_channels,
          ": an image-to-video model, whose other channels are those of an image; text-to-video "
          "ones are supported");
  require(dit.in_channels == vae_channels, ErrorCode::kModel, files.dit.string(),
          ": makes latents of ", dit.in_channels, " channels, but ", files.vae.string(), " takes ",
          vae_channels);
  require(text.text_dim() == dit.text_dim, ErrorCode::kModel, files.text.string(),
          ": its rows have ", text.text_dim(), " numbers, but ", files.dit.string(), " takes ",
          dit.text_dim);
}

}  // namespace

ModelShape VideoModel::shape() const {
  const WanConfig& config = dit->config();
  return {.family = family,
          .experts = {"default"},
          .stacks = {{.name = "blocks",
                      .layers = static_cast<std::int32_t>(config.layers),
                      .heads = static_cast<std::int32_t>(config.heads)}},
          .head_dim = static_cast<std::int32_t>(config.head_dim())};
}

TokenLayout VideoModel::layout(const ClipSize& size) const {
  const auto check_side = [](const char* name, std::int32_t value) {
    require(value > 0 && value <= kMostSide && value % kPixelsPerToken == 0, ErrorCode::kUsage,
            name, " ", value, " is not a multiple of ", kPixelsPerToken, " from ", kPixelsPerToken,
            " to ", kMostSide);
  };
  check_side("width", size.width);
  check_side("height", size.height);
  require(size.frames > 0 && size.frames <= kMostFrames && size.frames % kFramesPerLatent == 1,
          ErrorCode::kUsage, "frames ", size.frames, " is not 4n+1 (1, 5, 9, ...) up to ",
          kMostFrames);
  const TokenLayout tokens{.frames = (size.frames - 1) / kFramesPerLatent + 1,
                           .rows = size.height / kPixelsPerToken,
                           .cols = size.width / kPixelsPerToken};
  check_layout(tokens);
  return tokens;
}

std::array<std::int64_t, 5> VideoModel::latent_shape(const ClipSize& size) const {
  const TokenLayout tokens = layout(size);
  return {1, dit->config().in_channels, tokens.frames, size.height / kPixelsPerLatent,
          size.width / kPixelsPerLatent};
}

VideoModel load_model(const fs::path& folder, const LoadOptions& options) {
  ModelDescription description = describe_model(folder);
  VideoModel model{.folder = folder,
                   .family = std::move(description.family),
                   .defaults = std::move(description.defaults),
                   .sizes = std::move(description.sizes)};
  model.device = options.device.value_or(choose_device());
  model.dtype = options.dtype.value_or(choose_dtype(model.device));
  const auto open = [&](const fs::path& file) {
    Weights weights = Weights::open(file);
    weights.set_stop(options.stop);
    if (model.device.is_meta()) {
      weights.set_headers_only();
    }
    return weights;
  };
  const Weights dit = open(description.dit);
  const WanConfig config = detect_wan_config(dit);
  const Weights vae = open(description.vae);
  model.text = std::make_unique<TextTable>(TextTable::load(description.text));
  check_parts(description, config, detect_latent_channels(vae), *model.text);
  model.dit = std::make_unique<WanDit>(dit, config, model.dtype, model.device);
  model.vae = std::make_unique<WanVae>(vae, model.dtype, model.device);
  model.latent_colours = load_latent_colours(folder);
  return model;
}

VideoModel inspect_model(const fs::path& folder) {
  return load_model(folder, {.device = c10::Device(c10::kMeta), .dtype = c10::kFloat});
}

}  // namespace twill::engine
