// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Wan 2.1's causal video VAE (stride 4, 8, 8; 16 channels) at any width. Architecture and key
// names: https://github.com/Wan-Video/Wan2.1
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "twill/engine/vae.h"
#include "twill/engine/weight_table.h"
#include "twill/engine/weights.h"

namespace twill::engine {

inline constexpr std::int64_t kWanVaeChannels = 16;

// The weights of a Wan 2.1 VAE; products are in `dtype`.
WeightTable wan_vae_weights(std::int64_t width, at::ScalarType dtype);

// Channels of the latents that a Wan VAE takes, from the sizes of its tensors: 16 in Wan 2.1, 48 in
// Wan 2.2. Throws Error(kFile) when the file is no Wan VAE.
std::int64_t detect_latent_channels(const Weights& weights);

class WanVae final : public Vae {
 public:
  // Products run in `dtype`. Throws Error(kFile, kUnsupported) when the file is no Wan 2.1 VAE, or
  // a tensor is missing, has other sizes, or is not known.
  WanVae(const Weights& weights, at::ScalarType dtype, at::Device device = at::kCPU);
  ~WanVae() override;
  WanVae(WanVae&&) noexcept;
  WanVae& operator=(WanVae&&) noexcept;

  std::int64_t width() const;  // channels of the outermost layers: 96 in Wan 2.1
  at::ScalarType dtype() const;
  at::Device device() const;

  // latents: [batch, 16, T, h, w] as the transformer has them (mean 0, deviation 1).
  // Returns [batch, 3, 4 (T - 1) + 1, 8 h, 8 w] in fp32, clamped to -1..1. Throws Error(kModel)
  // naming the frames when they are not finite.
  at::Tensor decode(const at::Tensor& latents, const VaeOptions& options = {}) const override;
  // video: [batch, 3, 4 n + 1, height, width] in -1..1, height and width multiples of 8.
  // Returns the posterior's mean [batch, 16, n + 1, height / 8, width / 8] in fp32, as the
  // transformer has latents.
  at::Tensor encode(const at::Tensor& video, const VaeOptions& options = {}) const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace twill::engine
