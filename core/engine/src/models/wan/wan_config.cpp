// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a Wan transformer is, from its file, and the table of its weights.
#include <ATen/ATen.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>

#include "twill/engine/umt5.h"
#include "twill/engine/wan_dit.h"
#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"
#include "wan_names.h"

namespace twill::engine {
namespace {

constexpr std::int64_t kWanHeadDim = 128;
constexpr std::int64_t kMostLayers = 1000;
constexpr std::int64_t kPatchCells = kWanPatch[0] * kWanPatch[1] * kWanPatch[2];

// What the header says of the transformer under `config`, where ComfyUI looks for it too: heads of
// the miniatures stand nowhere else.
class StatedConfig {
 public:
  explicit StatedConfig(const Weights& weights) : file_(weights.source()) {
    const auto found = weights.metadata().find("config");
    if (found == weights.metadata().end()) {
      return;
    }
    const nlohmann::json config =
        json_tree<nlohmann::json>(found->second, file_ + ": the metadata's config");
    require(config.is_object(), ErrorCode::kFile, file_,
            ": the metadata's config is not a JSON object");
    transformer_ = config.value("transformer", nlohmann::json::object());
  }

  std::optional<std::int64_t> number(const char* name) const {
    if (!transformer_.is_object() || !transformer_.contains(name)) {
      return std::nullopt;
    }
    const nlohmann::json& value = transformer_[name];
    require(value.is_number_integer() && value > 0 && value < 1'000'000, ErrorCode::kFile, file_,
            ": config.transformer.", name, " is ", json_shown(value), ", not a number of its kind");
    return value.get<std::int64_t>();
  }

  void check(const char* name, std::int64_t in_tensors) const {
    const std::optional<std::int64_t> stated = number(name);
    require(!stated || *stated == in_tensors, ErrorCode::kFile, file_, ": config.transformer.",
            name, " is ", stated.value_or(0), ", but its tensors have ", in_tensors);
  }

 private:
  std::string file_;
  nlohmann::json transformer_;
};

std::int64_t axis(const Weights& weights, const char* name, std::size_t axes, std::size_t which) {
  const std::vector<std::int64_t>& shape = weights.shape(name);
  require(shape.size() == axes && shape[which] > 0, ErrorCode::kFile, weights.source(), ": tensor ",
          name, " has shape ", at::IntArrayRef(shape), ", not ", axes, " axes");
  return shape[which];
}

// Blocks up to the last one that any tensor is of: one that is missing between them is an error,
// not the end of the model.
std::int64_t count_layers(const Weights& weights) {
  constexpr std::string_view kBlocks = "blocks.";
  std::set<std::int64_t> found;
  for (const std::string& name : weights.names()) {
    std::int64_t number = 0;
    const char* const end = name.data() + name.size();
    if (name.starts_with(kBlocks)) {
      const auto [rest, code] = std::from_chars(name.data() + kBlocks.size(), end, number);
      if (code == std::errc() && rest != end && *rest == '.' && number >= 0) {
        require(number < kMostLayers, ErrorCode::kFile, weights.place_of(name),
                " is of a block over the limit of ", kMostLayers);
        found.insert(number);
      }
    }
  }
  require(!found.empty(), ErrorCode::kFile, weights.source(),
          ": no Wan transformer: it has no tensor of blocks");
  const std::int64_t layers = *found.rbegin() + 1;
  for (std::int64_t i = 0; i < layers; ++i) {
    const std::int64_t missing = layers - std::ssize(found);
    require(found.contains(i), ErrorCode::kFile, weights.source(), ": block ", i,
            " of blocks 0 to ", layers - 1,
            missing > 1 ? concat(" (and ", missing - 1, " more)") : std::string(),
            " is missing; is the file or one of its shards incomplete?");
  }
  return layers;
}

// Adds the rows of one layer, or of what stands outside of them.
class Rows {
 public:
  explicit Rows(std::vector<TensorRow>& rows) : rows_(rows) {}

  void begin(std::string prefix, std::int32_t layer) {
    prefix_ = std::move(prefix);
    layer_ = layer;
  }
  void tensor(const std::string& name, std::vector<std::int64_t> shape, at::ScalarType dtype) {
    rows_.push_back(
        {.name = prefix_ + name, .shape = std::move(shape), .dtype = dtype, .layer = layer_});
  }
  void linear(const std::string& name, std::int64_t out, std::int64_t in, at::ScalarType dtype) {
    tensor(name + ".weight", {out, in}, dtype);
    tensor(name + ".bias", {out}, dtype);
  }
  void product(const std::string& name, std::int64_t out, std::int64_t in, at::ScalarType dtype) {
    linear(name, out, in, dtype);
    rows_[rows_.size() - 2].is_product = true;
  }

 private:
  std::vector<TensorRow>& rows_;
  std::string prefix_;
  std::int32_t layer_ = TensorRow::kNoLayer;
};

// A number each, and the scale of a row.
std::int64_t bytes_in_fp8(const TensorRow& row) {
  return c10::multiply_integers(row.shape) +
         row.shape[0] * static_cast<std::int64_t>(sizeof(float));
}

}  // namespace

WanConfig detect_wan_config(const Weights& weights, const StatedHeads* stated_heads) {
  require(weights.contains("head.modulation"), ErrorCode::kFile, weights.source(),
          ": no Wan transformer: tensor head.modulation is missing");
  require(!weights.contains("vace_patch_embedding.weight"), ErrorCode::kUnsupported,
          weights.source(),
          ": a VACE model (tensor vace_patch_embedding.weight), which is not supported");
  WanConfig config;
  config.layers = count_layers(weights);
  config.dim = axis(weights, "head.modulation", 3, 2);
  config.ffn_dim = axis(weights, "blocks.0.ffn.0.weight", 2, 0);
  config.in_channels = axis(weights, "patch_embedding.weight", 5, 1);
  config.out_channels = axis(weights, "head.head.weight", 2, 0) / kPatchCells;
  config.text_dim = axis(weights, "text_embedding.0.weight", 2, 1);
  config.frequencies = axis(weights, "time_embedding.0.weight", 2, 1);
  if (weights.contains("img_emb.proj.0.bias")) {
    config.image_dim = axis(weights, "img_emb.proj.0.bias", 1, 0);
  }
  if (weights.contains("img_emb.emb_pos")) {
    require(config.image_dim > 0, ErrorCode::kFile, weights.source(),
            ": tensor img_emb.proj.0.bias is missing, but img_emb.emb_pos is there");
    config.image_positions = axis(weights, "img_emb.emb_pos", 3, 1);
  }
  const StatedConfig stated(weights);
  stated.check("num_layers", config.layers);
  stated.check("text_dim", config.text_dim);
  config.heads = stated_heads != nullptr
                     ? stated_heads->heads
                     : stated.number("num_heads")
                           .value_or(std::max<std::int64_t>(1, config.dim / kWanHeadDim));
  require(stated_heads == nullptr || stated_heads->heads * stated_heads->head_dim == config.dim,
          ErrorCode::kFile, weights.source(), ": its width is ", config.dim,
          ", but the config.json beside it has ", stated_heads == nullptr ? 0 : stated_heads->heads,
          " heads of ", stated_heads == nullptr ? 0 : stated_heads->head_dim);
  require(config.dim % config.heads == 0 && config.head_dim() % 2 == 0, ErrorCode::kFile,
          weights.source(), ": ", config.heads, " heads do not divide a width of ", config.dim,
          " into even head sizes");
  require(config.frequencies % 2 == 0, ErrorCode::kFile, weights.source(),
          ": tensor time_embedding.0.weight has an odd number of frequencies, ",
          config.frequencies);
  return config;
}

WeightTable wan_weights(const WanConfig& config, at::ScalarType dtype) {
  const std::int64_t dim = config.dim;
  std::vector<TensorRow> all;
  Rows rows(all);
  rows.tensor("patch_embedding.weight",
              {dim, config.in_channels, kWanPatch[0], kWanPatch[1], kWanPatch[2]}, at::kFloat);
  rows.tensor("patch_embedding.bias", {dim}, at::kFloat);
  rows.linear("text_embedding.0", dim, config.text_dim, at::kFloat);
  rows.linear("text_embedding.2", dim, dim, at::kFloat);
  rows.linear("time_embedding.0", dim, config.frequencies, at::kFloat);
  rows.linear("time_embedding.2", dim, dim, at::kFloat);
  rows.linear("time_projection.1", 6 * dim, dim, at::kFloat);
  rows.linear("head.head", config.out_channels * kPatchCells, dim, at::kFloat);
  rows.tensor("head.modulation", {1, 2, dim}, at::kFloat);
  if (config.image_dim > 0) {
    rows.tensor("img_emb.proj.0.weight", {config.image_dim}, at::kFloat);
    rows.tensor("img_emb.proj.0.bias", {config.image_dim}, at::kFloat);
    rows.linear("img_emb.proj.1", config.image_dim, config.image_dim, at::kFloat);
    rows.linear("img_emb.proj.3", dim, config.image_dim, at::kFloat);
    rows.tensor("img_emb.proj.4.weight", {dim}, at::kFloat);
    rows.tensor("img_emb.proj.4.bias", {dim}, at::kFloat);
  }
  if (config.image_positions > 0) {
    rows.tensor("img_emb.emb_pos", {1, config.image_positions, config.image_dim}, at::kFloat);
  }
  for (std::int64_t i = 0; i < config.layers; ++i) {
    rows.begin(concat("blocks.", i, "."), static_cast<std::int32_t>(i));
    rows.tensor("modulation", {1, 6, dim}, at::kFloat);
    rows.tensor("norm3.weight", {dim}, at::kFloat);
    rows.tensor("norm3.bias", {dim}, at::kFloat);
    for (const std::string attention : {"self_attn.", "cross_attn."}) {
      for (const char* product : {"q", "k", "v", "o"}) {
        rows.product(attention + product, dim, dim, dtype);
      }
      rows.tensor(attention + "norm_q.weight", {dim}, at::kFloat);
      rows.tensor(attention + "norm_k.weight", {dim}, at::kFloat);
    }
    if (config.image_dim > 0) {
      rows.product("cross_attn.k_img", dim, dim, dtype);
      rows.product("cross_attn.v_img", dim, dim, dtype);
      rows.tensor("cross_attn.norm_k_img.weight", {dim}, at::kFloat);
    }
    rows.product("ffn.0", config.ffn_dim, dim, dtype);
    rows.product("ffn.2", dim, config.ffn_dim, dtype);
  }
  return WeightTable(std::move(all));
}

NetworkMemory wan_memory(const WanConfig& config, at::ScalarType dtype, std::int64_t tokens,
                         const std::function<std::int64_t(const TensorRow&)>& bytes_of) {
  NetworkMemory memory{.layers = config.layers};
  const WeightTable table = wan_weights(config, dtype);
  std::vector<std::int64_t> of_layer(static_cast<std::size_t>(config.layers));
  std::int64_t made = 0;  // the largest matrix of a product that is made where it is used
  for (const TensorRow& row : table.rows()) {
    const std::int64_t bytes = bytes_of ? bytes_of(row) : row.bytes();
    if (row.layer == TensorRow::kNoLayer) {
      memory.outside += bytes;
    } else {
      of_layer[static_cast<std::size_t>(row.layer)] += bytes;
      made = bytes < row.bytes() ? std::max(made, row.bytes()) : made;
    }
  }
  memory.layer = *std::ranges::max_element(of_layer);
  memory.all_layers = std::accumulate(of_layer.begin(), of_layer.end(), std::int64_t{0});
  const auto size = static_cast<std::int64_t>(c10::elementSize(dtype));
  constexpr std::int64_t kImageTokens = 514;  // of two pictures, at most
  const std::int64_t seen = kWanTextLen + (config.image_dim > 0 ? kImageTokens : 0);
  memory.prompts = 2 * config.layers * seen * 2 * config.dim * size;
  // The residual stream in fp32, its norm, and of attention q, k, v and the output, with as much
  // again for tokens in another order; of the feed-forward its inner numbers and the output.
  const std::int64_t attention = config.dim * 2 * (3 + 1);
  const std::int64_t feed_forward = config.ffn_dim + config.dim;
  // Measured on an H200 a forward of 14B took 6.4 GiB at 75,600 tokens, where this says 8.1.
  memory.forward =
      tokens * (config.dim * 4 + size * (config.dim + std::max(attention, feed_forward)));
  // With LoRAs beside it, in fp32 too.
  memory.forward += made * 3;
  return memory;
}

NetworkMemory wan_memory(const WanConfig& config, at::ScalarType dtype, std::int64_t tokens,
                         const Weights& weights, std::span<const Lora> loras, bool fp8_products) {
  return wan_memory(config, dtype, tokens, [&](const TensorRow& row) {
    return fp8_products && row.is_product ? bytes_in_fp8(row) : kept_bytes(row, weights, loras);
  });
}

std::vector<Lora> wan_loras(const WanConfig& config, std::span<const LoraChoice> choices) {
  const WeightTable table = wan_weights(config, at::kFloat);
  std::vector<Lora> loras;
  for (const LoraChoice& choice : choices) {
    loras.emplace_back(choice, table, original_transformer_name);
  }
  return loras;
}

}  // namespace twill::engine
