// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <ATen/ATen.h>

#include "models/architectures.h"
#include "text/load_text.h"
#include "twill/engine/latent_preview.h"
#include "twill/engine/wan_dit.h"
#include "twill/engine/wan_vae.h"
#include "twill/plan/error.h"
#include "wan_names.h"
#include "wan_network.h"

namespace twill::engine {
namespace {

// Each part is read by itself; here they meet.
void check_parts(const ModelDescription& files, std::size_t expert, const WanConfig& dit,
                 std::int64_t vae_channels, const TextEncoder& text) {
  const std::string file = files.networks[expert].string();
  require(dit.in_channels == dit.out_channels, ErrorCode::kUnsupported, file, ": takes ",
          dit.in_channels, " channels and makes ", dit.out_channels,
          ": an image-to-video model, whose other channels are those of an image; text-to-video "
          "ones are supported");
  require(dit.in_channels == vae_channels, ErrorCode::kModel, file, ": makes latents of ",
          dit.in_channels, " channels, but ", files.vae.string(), " takes ", vae_channels);
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

}  // namespace

std::unique_ptr<TextEncoder> load_wan_text(const ModelDescription& description) {
  return load_text({.description = description,
                    .open = [](const std::filesystem::path& file) { return Weights::open(file); }});
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
  const auto open = [&](const std::filesystem::path& file) {
    Weights opened = request.open(file);
    take_original_names(opened);
    return opened;
  };
  for (const std::filesystem::path& file : files.networks) {
    weights.push_back(open(file));
    configs.push_back(detect_wan_config(
        weights.back(), files.heads.empty() ? nullptr : &files.heads[configs.size()]));
    check_experts(files, configs.size() - 1, configs.front(), configs.back());
  }
  const Weights vae = open(files.vae);
  std::unique_ptr<TextEncoder> text = load_text({.description = files,
                                                 .open = request.open,
                                                 .dtype = request.dtype,
                                                 .device = request.device});
  const std::int64_t channels = detect_latent_channels(vae);
  for (std::size_t i = 0; i < configs.size(); ++i) {
    check_parts(files, i, configs[i], channels, *text);
  }
  std::vector<std::vector<Lora>> loras;
  for (std::size_t i = 0; i < configs.size(); ++i) {
    loras.push_back(wan_loras(configs[i], request.loras_of(i)));
    request.prepare(loras.back());
  }
  Parts parts{.text = std::move(text)};
  for (std::size_t i = 0; i < configs.size(); ++i) {
    parts.experts.push_back(std::make_unique<WanNetwork>(
        WanDit(weights[i], configs[i], request.dtype, request.device, loras[i]), *files.family));
  }
  parts.vae = std::make_unique<WanVae>(vae, request.dtype, request.device);
  parts.latent_colours = load_latent_colours(request.folder, channels);
  return parts;
}

}  // namespace twill::engine
