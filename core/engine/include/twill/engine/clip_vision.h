// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// CLIP's vision transformer, which Wan 2.1's image-to-video models see a picture by: ViT-H/14
// there. Architecture: https://arxiv.org/abs/2103.00020; the names are those of transformers and
// ComfyUI.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "twill/engine/image_encoder.h"
#include "twill/engine/weight_table.h"
#include "twill/engine/weights.h"

namespace twill::engine {

struct ClipVisionConfig {
  std::int64_t dim = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  std::int64_t ffn_dim = 0;
  std::int64_t patch = 0;  // pixels of a side
  std::int64_t grid = 0;   // patches of a side
  std::string prefix;      // of every name but the projection's: "vision_model." or none

  std::int64_t tokens() const { return grid * grid + 1; }  // the class's token stands first
  std::int64_t image_size() const { return grid * patch; }
};

// From the names and sizes of the tensors; heads as a file beside the weights states them (0: none
// does), or the header's metadata (config.vision.num_heads), else the 16 of ViT-H where the width
// is its 1280. Throws Error(kFile) naming the tensor when the file is another network's or
// incomplete, Error(kUnsupported) for the names of Wan's own files.
ClipVisionConfig detect_clip_vision_config(const Weights& weights, std::int64_t stated_heads = 0);
// Embeddings and norms in fp32, products in `dtype`. Those that no result depends on are rows too,
// so that they are checked.
WeightTable clip_vision_weights(const ClipVisionConfig& config, at::ScalarType dtype);

// "a CLIP vision transformer" by its header: the tensor that each of them begins with is there.
bool is_clip_vision(const Weights& weights);

class ClipVisionEncoder final : public ImageEncoder {
 public:
  // Looks at the headers of all tensors and reads none: encode() reads a layer, runs it and frees
  // it. Throws Error(kFile, kUnsupported) as loading does.
  ClipVisionEncoder(Weights weights, const ClipVisionConfig& config, at::ScalarType dtype,
                    at::Device device);

  const ClipVisionConfig& config() const { return config_; }
  std::int64_t image_dim() const override { return config_.dim; }
  std::int64_t tokens() const override { return config_.tokens(); }
  // The state before the last layer, without a norm behind it, as Wan takes it. The picture becomes
  // image_size() square as clip_pixels() of src/image/picture_ops.h says.
  at::Tensor encode(const at::Tensor& picture, const std::stop_token& stop) const override;
  // The same from pixels [1, 3, image_size, image_size] that are scaled by CLIP's statistics.
  at::Tensor run(const at::Tensor& pixels, const std::stop_token& stop = {}) const;

 private:
  at::Tensor take(const std::string& name) const;
  at::Tensor linear(const at::Tensor& x, const std::string& name) const;
  at::Tensor norm(const at::Tensor& x, const std::string& name, at::ScalarType dtype) const;
  at::Tensor embed(const at::Tensor& pixels) const;
  void attend(at::Tensor& x, const std::string& layer) const;
  void feed_forward(at::Tensor& x, const std::string& layer) const;

  Weights weights_;
  ClipVisionConfig config_;
  WeightTable table_;
  at::ScalarType dtype_;
  at::Device device_;
};

}  // namespace twill::engine
