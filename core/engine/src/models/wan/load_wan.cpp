// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <ATen/ATen.h>

#include "models/architectures.h"
#include "text/load_text.h"
#include "twill/engine/clip_vision.h"
#include "twill/engine/latent_preview.h"
#include "twill/engine/wan_dit.h"
#include "twill/engine/wan_vae.h"
#include "twill/plan/error.h"
#include "wan_names.h"
#include "wan_network.h"

namespace twill::engine {
namespace {

// What the file takes of pictures is what the family says.
void check_pictures(const ModelDescription& files, const std::string& file, const WanConfig& dit,
                    const ImageEncoder* image) {
  const std::optional<ImageInput>& input = files.family->image;
  const std::int64_t wanted = dit.out_channels + (input ? input->channels : 0);
  require(dit.in_channels == wanted, ErrorCode::kModel, file, ": takes ", dit.in_channels,
          " channels and makes ", dit.out_channels,
          dit.in_channels > dit.out_channels
              ? ": an image-to-video model, whose other channels are those of pictures; "
              : ": no image-to-video model; ",
          "one of ", files.family->name, " takes ", wanted);
  require((dit.image_dim > 0) == (image != nullptr), ErrorCode::kModel, file,
          image != nullptr ? ": has no place for an encoded picture (tensor img_emb.proj.0.bias), "
                             "but one of "
                           : ": takes an encoded picture (tensor img_emb.proj.0.bias), but one of ",
          files.family->name, image != nullptr ? " has it" : " takes none");
  if (image == nullptr) {
    return;
  }
  require(image->image_dim() == dit.image_dim, ErrorCode::kModel, files.image_encoder.string(),
          ": its tokens have ", image->image_dim(), " numbers, but ", file, " takes ",
          dit.image_dim);
  const std::int64_t positions = dit.image_positions;
  require(positions == 0 || positions == image->tokens() || positions == 2 * image->tokens(),
          ErrorCode::kModel, files.image_encoder.string(), ": makes ", image->tokens(),
          " tokens of a picture, but ", file, " has positions for ", positions);
}

// Each part is read by itself; here they meet.
void check_parts(const ModelDescription& files, std::size_t expert, const WanConfig& dit,
                 std::int64_t vae_channels, const TextEncoder& text, const ImageEncoder* image) {
  const std::string file = files.networks[expert].string();
  check_pictures(files, file, dit, image);
  require(dit.out_channels == vae_channels, ErrorCode::kModel, file, ": makes latents of ",
          dit.out_channels, " channels, but ", files.vae.string(), " takes ", vae_channels);
  require(vae_channels == files.family->channels, ErrorCode::kModel, file, ": makes latents of ",
          vae_channels, " channels, but those of the family ", files.family->name, " have ",
          files.family->channels);
  require(text.text_dim() == dit.text_dim, ErrorCode::kModel, files.text.string(),
          ": its rows have ", text.text_dim(), " numbers, but ", file, " takes ", dit.text_dim);
}

// One plan and one conditioned prompt serve both.
void check_experts(const ModelDescription& files, std::size_t expert, const WanConfig& first,
                   const WanConfig& other) {
  require(first.layers == other.layers && first.heads == other.heads && first.dim == other.dim,
          ErrorCode::kModel, files.networks[expert].string(), ": is of ", other.layers,
          " layers of ", other.heads, " heads and a width of ", other.dim, ", but ",
          files.networks.front().string(), " of ", first.layers, ", ", first.heads, " and ",
          first.dim, ": they are no two experts of one model");
}

// Null where the family's networks take no tokens of pictures.
std::unique_ptr<ImageEncoder> load_image_encoder(const PartsRequest& request) {
  const ModelDescription& files = request.description;
  if (files.image_encoder.empty()) {
    return nullptr;
  }
  Weights weights = request.open(files.image_encoder, WeightPart::kNetwork);
  const ClipVisionConfig config = detect_clip_vision_config(weights, files.image_heads);
  return std::make_unique<ClipVisionEncoder>(std::move(weights), config, request.dtype,
                                             request.device);
}

}  // namespace

std::unique_ptr<TextEncoder> load_wan_text(const ModelDescription& description) {
  return load_text({.description = description, .open = [](const std::filesystem::path& file) {
                      return Weights::open(file, WeightPart::kText);
                    }});
}

std::string recognise_wan(Weights weights) {
  take_original_names(weights);
  const WanConfig config = detect_wan_config(weights);
  return concat("a Wan transformer of ", config.layers, " x ", config.heads, " heads");
}

Parts load_wan(const PartsRequest& request) {
  const ModelDescription& files = request.description;
  std::vector<Weights> weights;
  std::vector<WanConfig> configs;
  const auto open = [&](const std::filesystem::path& file, WeightPart part) {
    Weights opened = request.open(file, part);
    take_original_names(opened);
    return opened;
  };
  for (const std::filesystem::path& file : files.networks) {
    weights.push_back(open(file, WeightPart::kNetwork));
    configs.push_back(detect_wan_config(
        weights.back(), files.heads.empty() ? nullptr : &files.heads[configs.size()]));
    check_experts(files, configs.size() - 1, configs.front(), configs.back());
  }
  const Weights vae = open(files.vae, WeightPart::kVae);
  std::unique_ptr<TextEncoder> text = load_text(
      {.description = files,
       .open =
           [&](const std::filesystem::path& file) { return request.open(file, WeightPart::kText); },
       .dtype = request.dtype,
       .device = request.device});
  std::unique_ptr<ImageEncoder> image = load_image_encoder(request);
  const std::int64_t channels = detect_latent_channels(vae);
  for (std::size_t i = 0; i < configs.size(); ++i) {
    check_parts(files, i, configs[i], channels, *text, image.get());
  }
  std::vector<std::vector<Lora>> loras;
  for (std::size_t i = 0; i < configs.size(); ++i) {
    loras.push_back(wan_loras(configs[i], request.loras_of(i)));
    request.prepare(loras.back());
  }
  NetworkMemory memory;
  for (std::size_t i = 0; i < configs.size(); ++i) {
    const NetworkMemory own = wan_memory(configs[i], request.dtype, request.tokens, weights[i],
                                         loras[i], request.fp8_products);
    memory = own.all_layers > memory.all_layers ? own : memory;
  }
  const WanVaeConfig vae_config = detect_wan_vae_config(vae);
  memory.shared = wan_vae_weights(vae_config, request.dtype).bytes();
  if (request.cells.frames > 0) {
    memory.decode = wan_vae_bytes(vae_config, request.dtype, VaeWork::kDecode, request.cells,
                                  most_tiles(request.cells));
  }
  const WanPlace place{.dtype = request.dtype,
                       .device = request.device,
                       .limits = request.limits(memory),
                       .fp8_products = request.fp8_products};
  Parts parts{.text = std::move(text), .image = std::move(image)};
  for (std::size_t i = 0; i < configs.size(); ++i) {
    parts.experts.push_back(std::make_unique<WanNetwork>(
        WanDit(weights[i], configs[i], place, loras[i]), *files.family));
  }
  parts.vae = std::make_unique<WanVae>(vae, request.dtype, request.device);
  parts.latent_colours = load_latent_colours(request.folder, channels);
  return parts;
}

}  // namespace twill::engine
