// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Wan's causal video VAEs at any width: Wan 2.1's (stride 4, 8, 8; 16 channels) and Wan 2.2's
// (stride 4, 16, 16; 48 channels), which TI2V 5B has. Architecture and key names:
// https://github.com/Wan-Video/Wan2.1 and https://github.com/Wan-Video/Wan2.2
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "twill/engine/vae.h"
#include "twill/engine/weight_table.h"
#include "twill/engine/weights.h"

namespace twill::engine {

struct WanVaeConfig {
  // Wan 2.2's: it works on patches of 2 x 2 pixels, and its levels have shortcuts around them.
  bool residual = false;
  std::int64_t encoder_width =
      0;  // channels of the outermost layers: 96 in Wan 2.1, 160 in Wan 2.2
  std::int64_t decoder_width = 0;  // 96 and 256

  const char* name() const { return residual ? "Wan 2.2 VAE" : "Wan 2.1 VAE"; }
  std::int64_t channels() const { return residual ? 48 : 16; }  // of the latents
  std::int64_t patch() const { return residual ? 2 : 1; }       // pixels along a side
  std::int64_t spatial_stride() const { return 8 * patch(); }
};

// From the names and sizes of the tensors, which have upstream's names. Throws Error(kFile) when
// the file is no Wan VAE.
WanVaeConfig detect_wan_vae_config(const Weights& weights);

// The weights of such a VAE; products are in `dtype`.
WeightTable wan_vae_weights(const WanVaeConfig& config, at::ScalarType dtype);

// As Vae::bytes(), of such a VAE whose products are in `dtype`.
std::int64_t wan_vae_bytes(const WanVaeConfig& config, at::ScalarType dtype, VaeWork work,
                           const LatentGrid& grid, const VaeTiles& tiles);

// Channels of the latents that a Wan VAE takes, from the sizes of its tensors: 16 in Wan 2.1, 48 in
// Wan 2.2. Throws Error(kFile) when the file is no Wan VAE.
std::int64_t detect_latent_channels(const Weights& weights);

class WanVae final : public Vae {
 public:
  // Products run in `dtype`. Throws Error(kFile, kUnsupported) when the file is no Wan VAE, or a
  // tensor is missing, has other sizes, or is not known.
  WanVae(const Weights& weights, at::ScalarType dtype, at::Device device = at::kCPU);
  ~WanVae() override;
  WanVae(WanVae&&) noexcept;
  WanVae& operator=(WanVae&&) noexcept;

  const WanVaeConfig& config() const;
  at::ScalarType dtype() const;
  at::Device device() const;

  // latents: [batch, channels, T, h, w] as the transformer has them (mean 0, deviation 1).
  // Returns [batch, 3, 4 (T - 1) + 1, stride h, stride w]. Throws Error(kModel) naming the frames
  // when they are not finite.
  at::Tensor decode(const at::Tensor& latents, const VaeOptions& options = {}) const override;
  // video: [batch, 3, 4 n + 1, height, width] in -1..1, height and width multiples of the stride.
  // Returns the posterior's mean [batch, channels, n + 1, height / stride, width / stride] in fp32,
  // as the transformer has latents.
  at::Tensor encode(const at::Tensor& video, const VaeOptions& options = {}) const override;
  std::int64_t bytes(VaeWork work, const LatentGrid& grid, const VaeTiles& tiles) const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace twill::engine
