// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What every VAE is to the rest of the program: clips to latents and back.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <stop_token>

namespace twill::engine {

struct VaeOptions {
  std::function<void(std::int64_t done, std::int64_t total)>
      progress;          // in latent frames; may be empty
  std::stop_token stop;  // looked at between chunks: Cancelled is thrown
  // Latent frames worked on at once; 0: as many as keep the largest buffer within 32 MB. The
  // result does not depend on it but for rounding.
  std::int64_t chunk = 0;
};

class Vae {
 public:
  virtual ~Vae() = default;

  // latents: [batch, channels, frames, rows, columns] as the network has them. Returns [batch, 3,
  // frames, height, width] in fp32, clamped to -1..1. Throws Error(kModel) naming the frames when
  // they are not finite.
  virtual at::Tensor decode(const at::Tensor& latents, const VaeOptions& options = {}) const = 0;
  // video: [batch, 3, frames, height, width] in -1..1. Returns latents in fp32, as the network has
  // them.
  virtual at::Tensor encode(const at::Tensor& video, const VaeOptions& options = {}) const = 0;
};

}  // namespace twill::engine
