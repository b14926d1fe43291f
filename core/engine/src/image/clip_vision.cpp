// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/clip_vision.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <utility>

#include "picture_ops.h"
#include "twill/plan/error.h"
#include "vector_math.h"

namespace twill::engine {
namespace {

constexpr double kEpsilon = 1e-5;

// Files of older transformers hold the numbers of the positions, 0, 1, 2, ...
void check_position_numbers(const Weights& weights, const std::string& name, std::int64_t count) {
  if (!weights.contains(name)) {
    return;
  }
  require(c10::isIntegralType(weights.dtype(name), /*includeBool=*/false) &&
              c10::multiply_integers(weights.shape(name)) == count,
          ErrorCode::kFile, weights.place_of(name), " has shape ",
          at::IntArrayRef(weights.shape(name)), " and dtype ", c10::toString(weights.dtype(name)),
          ", not ", count, " whole numbers");
  const at::Tensor numbers = weights.get(name).to(at::kLong).flatten();
  require(numbers.equal(at::arange(count, at::kLong)), ErrorCode::kUnsupported,
          weights.place_of(name), " does not count the positions from 0 on");
}

// Of models that stand beside a text encoder; a result before the last layer does not see it.
void check_projection(const Weights& weights, const std::string& name, std::int64_t dim) {
  if (weights.contains(name)) {
    const std::vector<std::int64_t>& shape = weights.shape(name);
    require(shape.size() == 2 && shape[0] > 0, ErrorCode::kFile, weights.place_of(name),
            " has shape ", at::IntArrayRef(shape), ", not that of a matrix");
    weights.get(name, {shape[0], dim}, at::kFloat);
  }
}

}  // namespace

ClipVisionEncoder::ClipVisionEncoder(Weights weights, const ClipVisionConfig& config,
                                     at::ScalarType dtype, at::Device device)
    : weights_(std::move(weights)),
      config_(config),
      table_(clip_vision_weights(config, dtype)),
      dtype_(dtype),
      device_(device) {
  settle_vector_math();
  Weights headers = weights_;
  headers.set_headers_only();
  check_projection(headers, "visual_projection.weight", config_.dim);
  check_position_numbers(headers, config_.prefix + "embeddings.position_ids", config_.tokens());
  TableReader reader(headers, table_, at::kMeta);
  for (const TensorRow& row : table_.rows()) {
    reader.take(row.name);
  }
  reader.finish("a CLIP vision transformer");
}

at::Tensor ClipVisionEncoder::encode(const at::Tensor& picture, const std::stop_token& stop) const {
  const c10::InferenceMode inference;
  return run(clip_pixels(picture, config_.image_size()), stop);
}

at::Tensor ClipVisionEncoder::run(const at::Tensor& pixels, const std::stop_token& stop) const {
  TWILL_ASSERT(!device_.is_meta());
  const c10::InferenceMode inference;
  require(pixels.sizes() == at::IntArrayRef({1, 3, config_.image_size(), config_.image_size()}),
          ErrorCode::kUsage, "pixels of shape ", pixels.sizes(), " are not [1, 3, ",
          config_.image_size(), ", ", config_.image_size(), "]");
  at::Tensor x = embed(pixels.to(device_, at::kFloat));
  for (std::int64_t i = 0; i + 1 < config_.layers; ++i) {
    if (stop.stop_requested()) {
      throw Cancelled();
    }
    const std::string layer = concat(config_.prefix, "encoder.layers.", i, ".");
    attend(x, layer);
    feed_forward(x, layer);
  }
  weights_.check_unchanged();
  return x.to(at::kCPU);
}

at::Tensor ClipVisionEncoder::take(const std::string& name) const {
  const TensorRow& row = table_.rows()[table_.index_of(name)];
  return weights_.get(row.name, row.shape, row.dtype).to(device_);
}

at::Tensor ClipVisionEncoder::linear(const at::Tensor& x, const std::string& name) const {
  return at::linear(x, take(name + ".weight"), take(name + ".bias"));
}

at::Tensor ClipVisionEncoder::norm(const at::Tensor& x, const std::string& name,
                                   at::ScalarType dtype) const {
  return at::layer_norm(x, {config_.dim}, take(name + ".weight"), take(name + ".bias"), kEpsilon)
      .to(dtype);
}

// A row for the class, then the patches row by row.
at::Tensor ClipVisionEncoder::embed(const at::Tensor& pixels) const {
  const std::string place = config_.prefix + "embeddings.";
  const at::Tensor patches = at::conv2d(pixels, take(place + "patch_embedding.weight"), {},
                                        at::IntArrayRef({config_.patch, config_.patch}));
  const at::Tensor rows = at::cat({take(place + "class_embedding").view({1, 1, -1}),
                                   patches.flatten(2).transpose(1, 2)},
                                  1) +
                          take(place + "position_embedding.weight");
  return norm(rows, config_.prefix + "pre_layrnorm", at::kFloat);
}

void ClipVisionEncoder::attend(at::Tensor& x, const std::string& layer) const {
  const at::Tensor normed = norm(x, layer + "layer_norm1", dtype_);
  const auto heads = [&](const char* product) {
    return linear(normed, layer + "self_attn." + product)
        .view({1, config_.tokens(), config_.heads, -1})
        .transpose(1, 2);
  };
  const at::Tensor mixed =
      at::scaled_dot_product_attention(heads("q_proj"), heads("k_proj"), heads("v_proj"));
  x.add_(linear(mixed.transpose(1, 2).flatten(2), layer + "self_attn.out_proj"));
}

void ClipVisionEncoder::feed_forward(at::Tensor& x, const std::string& layer) const {
  const at::Tensor hidden = linear(norm(x, layer + "layer_norm2", dtype_), layer + "mlp.fc1");
  x.add_(linear(at::gelu(hidden), layer + "mlp.fc2"));
}

}  // namespace twill::engine
