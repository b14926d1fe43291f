// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a UMT5 encoder is, from its file, and the table of its weights.
#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "twill/engine/umt5.h"
#include "twill/plan/error.h"
#include "umt5_names.h"

namespace twill::engine {
namespace {

constexpr std::int64_t kBuckets = 32;
constexpr std::int64_t kMostLayers = 1000;

struct PartName {
  const char* transformers;
  const char* wan;
};
// In the order of Umt5Part.
constexpr std::array<PartName, 10> kParts{{
    {"layer.0.layer_norm", "norm1"},
    {"layer.0.SelfAttention.q", "attn.q"},
    {"layer.0.SelfAttention.k", "attn.k"},
    {"layer.0.SelfAttention.v", "attn.v"},
    {"layer.0.SelfAttention.o", "attn.o"},
    {"layer.0.SelfAttention.relative_attention_bias", "pos_embedding.embedding"},
    {"layer.1.layer_norm", "norm2"},
    {"layer.1.DenseReluDense.wi_0", "ffn.gate.0"},
    {"layer.1.DenseReluDense.wi_1", "ffn.fc1"},
    {"layer.1.DenseReluDense.wo", "ffn.fc2"},
}};

// Encoders that stand where UMT5 is looked for, by a tensor that each has.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kOthers{{
    {"text_model.embeddings.token_embedding.weight", "a CLIP text encoder"},
    {"text_projection", "a CLIP text encoder"},
    {"embed_tokens.weight", "a language model"},
    {"token_embd.weight", "a language model"},
    {"patch_embedding.weight", "a Wan transformer"},
    {"decoder.conv1.weight", "a Wan VAE"},
}};

void check_kind(const Weights& weights) {
  if (has_token_table(weights)) {
    return;
  }
  for (const auto& [tensor, what] : kOthers) {
    require(!weights.contains(tensor), ErrorCode::kFile, weights.source(), ": is ", what,
            " (tensor ", tensor, "), not a UMT5 encoder");
  }
  throw Error(ErrorCode::kFile,
              concat(weights.source(), ": is no UMT5 encoder: tensor ", umt5_tokens(false), " or ",
                     umt5_tokens(true), " is missing"));
}

std::int64_t count_layers(const Weights& weights, const std::string& blocks) {
  std::int64_t layers = 0;
  for (const std::string& name : weights.names()) {
    std::int64_t number = 0;
    const char* const end = name.data() + name.size();
    if (name.starts_with(blocks)) {
      const auto [rest, code] = std::from_chars(name.data() + blocks.size(), end, number);
      if (code == std::errc() && rest != end && *rest == '.' && number >= 0) {
        require(number < kMostLayers, ErrorCode::kFile, weights.place_of(name),
                " is of a layer over the limit of ", kMostLayers);
        layers = std::max(layers, number + 1);
      }
    }
  }
  require(layers > 0, ErrorCode::kFile, weights.source(), ": is no UMT5 encoder: it has no tensor ",
          "of ", blocks, "0");
  return layers;
}

const std::vector<std::int64_t>& matrix(const Weights& weights, const std::string& name) {
  require(weights.contains(name), ErrorCode::kFile, weights.source(), ": tensor ", name,
          " of a UMT5 encoder is missing");
  const std::vector<std::int64_t>& shape = weights.shape(name);
  require(shape.size() == 2 && shape[0] > 0 && shape[1] > 0, ErrorCode::kFile, weights.source(),
          ": tensor ", name, " has shape ", at::IntArrayRef(shape), ", not that of a matrix");
  return shape;
}

// Of every layer, before anything else is said of it: it is what T5 proper lacks.
void check_biases(const Weights& weights, const Umt5Config& config) {
  for (std::int64_t i = 0; i < config.layers; ++i) {
    const std::string name = umt5_name(config.wan_names, i, Umt5Part::kBias);
    require(weights.contains(name), ErrorCode::kFile, weights.source(), ": tensor ", name,
            " is missing: a UMT5 encoder has a relative bias in every layer, T5 in layer 0 only");
  }
}

}  // namespace

std::string umt5_tokens(bool wan_names) {
  return wan_names ? "token_embedding.weight" : "shared.weight";
}

std::string umt5_last_norm(bool wan_names) {
  return wan_names ? "norm.weight" : "encoder.final_layer_norm.weight";
}

std::string umt5_blocks(bool wan_names) { return wan_names ? "blocks." : "encoder.block."; }

std::string umt5_name(bool wan_names, std::int64_t layer, Umt5Part part) {
  const PartName& name = kParts.at(static_cast<std::size_t>(part));
  return concat(umt5_blocks(wan_names), layer, ".", wan_names ? name.wan : name.transformers,
                ".weight");
}

bool has_token_table(const Weights& weights) {
  return weights.contains(umt5_tokens(false)) || weights.contains(umt5_tokens(true));
}

Umt5Config detect_umt5_config(const Weights& weights) {
  check_kind(weights);
  Umt5Config config;
  config.wan_names = !weights.contains(umt5_tokens(false));
  const auto of_first = [&](Umt5Part part) -> const std::vector<std::int64_t>& {
    return matrix(weights, umt5_name(config.wan_names, 0, part));
  };
  const std::vector<std::int64_t>& tokens = matrix(weights, umt5_tokens(config.wan_names));
  config.vocabulary = tokens[0];
  config.dim = tokens[1];
  config.layers = count_layers(weights, umt5_blocks(config.wan_names));
  check_biases(weights, config);
  const std::vector<std::int64_t>& bias = of_first(Umt5Part::kBias);
  const std::string bias_name = umt5_name(config.wan_names, 0, Umt5Part::kBias);
  require(bias[0] == kBuckets, ErrorCode::kUnsupported, weights.source(), ": tensor ", bias_name,
          " has ", bias[0], " rows, not the ", kBuckets, " distances of UMT5");
  config.heads = bias[1];
  config.inner = of_first(Umt5Part::kQ)[0];
  require(config.inner % config.heads == 0, ErrorCode::kFile, weights.source(), ": tensor ",
          bias_name, " is of ", config.heads, " heads, which do not divide the ", config.inner,
          " rows of tensor ", umt5_name(config.wan_names, 0, Umt5Part::kQ));
  config.ffn_dim = of_first(Umt5Part::kGate)[0];
  return config;
}

WeightTable umt5_weights(const Umt5Config& config, at::ScalarType dtype) {
  std::vector<TensorRow> rows;
  std::int32_t layer = TensorRow::kNoLayer;
  const auto add = [&](std::string name, std::vector<std::int64_t> shape, at::ScalarType type) {
    rows.push_back(
        {.name = std::move(name), .shape = std::move(shape), .dtype = type, .layer = layer});
  };
  const auto part = [&](Umt5Part which, std::vector<std::int64_t> shape, at::ScalarType type) {
    add(umt5_name(config.wan_names, layer, which), std::move(shape), type);
  };
  add(umt5_tokens(config.wan_names), {config.vocabulary, config.dim}, at::kFloat);
  add(umt5_last_norm(config.wan_names), {config.dim}, at::kFloat);
  for (std::int64_t i = 0; i < config.layers; ++i) {
    layer = static_cast<std::int32_t>(i);
    part(Umt5Part::kNorm1, {config.dim}, at::kFloat);
    for (const Umt5Part product : {Umt5Part::kQ, Umt5Part::kK, Umt5Part::kV}) {
      part(product, {config.inner, config.dim}, dtype);
    }
    part(Umt5Part::kO, {config.dim, config.inner}, dtype);
    part(Umt5Part::kBias, {kBuckets, config.heads}, at::kFloat);
    part(Umt5Part::kNorm2, {config.dim}, at::kFloat);
    part(Umt5Part::kGate, {config.ffn_dim, config.dim}, dtype);
    part(Umt5Part::kUp, {config.ffn_dim, config.dim}, dtype);
    part(Umt5Part::kDown, {config.dim, config.ffn_dim}, dtype == at::kHalf ? at::kFloat : dtype);
  }
  return WeightTable(std::move(rows));
}

}  // namespace twill::engine
