// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a CLIP vision transformer is, from its file, and the table of its weights.
#include <ATen/ATen.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "twill/engine/clip_vision.h"
#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"

namespace twill::engine {
namespace {

constexpr std::int64_t kMostLayers = 1000;
constexpr std::int64_t kMostImageSize = 4096;
constexpr std::int64_t kMostHeads = 10'000;
// ViT-H/14 of LAION, the one that Wan was trained with:
// https://huggingface.co/laion/CLIP-ViT-H-14-laion2B-s32B-b79K
constexpr std::int64_t kVitHugeDim = 1280;
constexpr std::int64_t kVitHugeHeads = 16;

constexpr const char* kPrefix = "vision_model.";
constexpr const char* kPositions = "embeddings.position_embedding.weight";
constexpr const char* kPatches = "embeddings.patch_embedding.weight";
constexpr const char* kProjection = "visual_projection.weight";

const std::vector<std::int64_t>& shape_of(const Weights& weights, const std::string& name,
                                          std::size_t axes) {
  require(weights.contains(name), ErrorCode::kFile, weights.source(), ": tensor ", name,
          " of a CLIP vision transformer is missing");
  const std::vector<std::int64_t>& shape = weights.shape(name);
  bool whole = shape.size() == axes;
  for (const std::int64_t size : shape) {
    whole = whole && size > 0;
  }
  require(whole, ErrorCode::kFile, weights.place_of(name), " has shape ", at::IntArrayRef(shape),
          ", not ", axes, " axes above 0");
  return shape;
}

// A layer that is missing between others is an error, not the end of the network.
std::int64_t count_layers(const Weights& weights, const std::string& layers_prefix) {
  std::set<std::int64_t> found;
  for (const std::string& name : weights.names()) {
    std::int64_t number = 0;
    const char* const end = name.data() + name.size();
    if (name.starts_with(layers_prefix)) {
      const auto [rest, code] = std::from_chars(name.data() + layers_prefix.size(), end, number);
      if (code == std::errc() && rest != end && *rest == '.' && number >= 0) {
        require(number < kMostLayers, ErrorCode::kFile, weights.place_of(name),
                " is of a layer over the limit of ", kMostLayers);
        found.insert(number);
      }
    }
  }
  require(!found.empty(), ErrorCode::kFile, weights.source(),
          ": is no CLIP vision transformer: it has no tensor of ", layers_prefix, "0");
  for (std::int64_t i = 0; i <= *found.rbegin(); ++i) {
    require(found.contains(i), ErrorCode::kFile, weights.source(), ": layer ", i,
            " of layers 0 to ", *found.rbegin(), " is missing; is the file incomplete?");
  }
  return *found.rbegin() + 1;
}

void check_kind(const Weights& weights) {
  require(!weights.contains("visual.patch_embedding.weight"), ErrorCode::kUnsupported,
          weights.source(),
          ": has the names of Wan's own CLIP file (tensor visual.patch_embedding.weight); those of "
          "transformers and ComfyUI are read, as in clip_vision_h.safetensors");
  require(is_clip_vision(weights), ErrorCode::kFile, weights.source(),
          ": is no CLIP vision transformer: tensor ", kPrefix, kPatches, " or ", kPatches,
          " is missing");
}

// Of the header's metadata; 0 where it says nothing.
std::int64_t heads_in_metadata(const Weights& weights) {
  const auto found = weights.metadata().find("config");
  if (found == weights.metadata().end()) {
    return 0;
  }
  const auto config =
      json_tree<nlohmann::json>(found->second, weights.source() + ": the metadata's config");
  if (!config.is_object() || !config.contains("vision") || !config["vision"].is_object() ||
      !config["vision"].contains("num_heads")) {
    return 0;
  }
  const nlohmann::json& heads = config["vision"]["num_heads"];
  require(heads.is_number_integer() && heads > 0 && heads <= kMostHeads, ErrorCode::kFile,
          weights.source(), ": config.vision.num_heads is ", json_shown(heads),
          ", not a whole number from 1 to ", kMostHeads);
  return heads.get<std::int64_t>();
}

std::int64_t heads_of(const Weights& weights, std::int64_t dim, std::int64_t stated_heads) {
  std::int64_t heads = stated_heads > 0 ? stated_heads : heads_in_metadata(weights);
  heads = heads == 0 && dim == kVitHugeDim ? kVitHugeHeads : heads;
  require(heads > 0, ErrorCode::kFile, weights.source(), ": is a CLIP vision transformer ", dim,
          " wide, not the ", kVitHugeDim,
          " of ViT-H, and nothing states its heads (config.vision.num_heads of the metadata)");
  require(dim % heads == 0, ErrorCode::kFile, weights.source(), ": ", heads,
          " heads do not divide a width of ", dim);
  return heads;
}

}  // namespace

bool is_clip_vision(const Weights& weights) {
  return weights.contains(concat(kPrefix, kPatches)) || weights.contains(kPatches);
}

ClipVisionConfig detect_clip_vision_config(const Weights& weights, std::int64_t stated_heads) {
  check_kind(weights);
  ClipVisionConfig config;
  config.prefix = weights.contains(kPatches) ? "" : kPrefix;
  const std::string patches = concat(config.prefix, kPatches);
  const std::string positions = concat(config.prefix, kPositions);
  const std::vector<std::int64_t>& patch = shape_of(weights, patches, 4);
  require(patch[1] == 3 && patch[2] == patch[3], ErrorCode::kFile, weights.place_of(patches),
          " has shape ", at::IntArrayRef(patch), ", not that of square patches of 3 colours");
  config.dim = patch[0];
  config.patch = patch[2];
  const std::int64_t cells = shape_of(weights, positions, 2)[0] - 1;
  config.grid = static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(cells))));
  require(cells > 0 && config.grid * config.grid == cells, ErrorCode::kFile,
          weights.place_of(positions), " has ", cells + 1,
          " rows, not one more than a square of patches");
  require(config.patch <= kMostImageSize && config.grid <= kMostImageSize / config.patch,
          ErrorCode::kFile, weights.source(), ": takes pictures of ", config.grid, " patches of ",
          config.patch, " pixels a side, over the limit of ", kMostImageSize, " pixels");
  config.layers = count_layers(weights, concat(config.prefix, "encoder.layers."));
  config.ffn_dim =
      shape_of(weights, concat(config.prefix, "encoder.layers.0.mlp.fc1.weight"), 2)[0];
  config.heads = heads_of(weights, config.dim, stated_heads);
  return config;
}

WeightTable clip_vision_weights(const ClipVisionConfig& config, at::ScalarType dtype) {
  std::vector<TensorRow> rows;
  std::int32_t layer = TensorRow::kNoLayer;
  const std::int64_t dim = config.dim;
  const auto add = [&](const std::string& name, std::vector<std::int64_t> shape,
                       at::ScalarType type) {
    rows.push_back(
        {.name = config.prefix + name, .shape = std::move(shape), .dtype = type, .layer = layer});
  };
  const auto norm = [&](const std::string& name) {
    add(name + ".weight", {dim}, at::kFloat);
    add(name + ".bias", {dim}, at::kFloat);
  };
  const auto linear = [&](const std::string& name, std::int64_t out, std::int64_t in) {
    add(name + ".weight", {out, in}, dtype);
    add(name + ".bias", {out}, dtype);
  };
  add("embeddings.class_embedding", {dim}, at::kFloat);
  add(kPatches, {dim, 3, config.patch, config.patch}, at::kFloat);
  add(kPositions, {config.tokens(), dim}, at::kFloat);
  norm("pre_layrnorm");  // as transformers spells it
  norm("post_layernorm");
  for (std::int64_t i = 0; i < config.layers; ++i) {
    layer = static_cast<std::int32_t>(i);
    const std::string place = concat("encoder.layers.", i, ".");
    norm(place + "layer_norm1");
    norm(place + "layer_norm2");
    for (const char* product : {"q_proj", "k_proj", "v_proj", "out_proj"}) {
      linear(place + "self_attn." + product, dim, dim);
    }
    linear(place + "mlp.fc1", config.ffn_dim, dim);
    linear(place + "mlp.fc2", dim, config.ffn_dim);
  }
  return WeightTable(std::move(rows));
}

}  // namespace twill::engine
