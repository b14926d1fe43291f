// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What every VAE is to the rest of the program: clips to latents and back.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <functional>
#include <stop_token>

namespace twill::engine {

enum class VaeWork { kEncode, kDecode };

// A clip's latents: its cells.
struct LatentGrid {
  std::int64_t frames = 0;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
};

// Parts of a frame, so many above and beside each other, that are worked on one after the other:
// slower, since each needs what is around it, and with less memory. One is the whole frame.
struct VaeTiles {
  std::int64_t rows = 1;
  std::int64_t cols = 1;

  std::int64_t count() const { return rows * cols; }
  bool operator==(const VaeTiles&) const = default;
};

// Smaller ones would mostly be what is around them.
VaeTiles most_tiles(const LatentGrid& grid);
// The fewest that take no more than `room`, and of as many those that take least; most_tiles()
// where none fit. bytes: what such tiles take.
VaeTiles tiles_within(std::int64_t room, const LatentGrid& grid,
                      const std::function<std::int64_t(const VaeTiles&)>& bytes);

struct VaeOptions {
  std::function<void(std::int64_t done, std::int64_t total)>
      progress;          // in latent frames; may be empty
  std::stop_token stop;  // looked at before each residual block: Cancelled is thrown
  // Layers work on as many frames at a time as keep their buffers within so many bytes, one at
  // least; 0: what is fast on the device. The result does not depend on it but for the order of
  // sums, nor on tiles.
  std::int64_t most_bytes = 0;
  VaeTiles tiles;
  // Of a decoded clip: -1..1 in fp32, or 0..255 in uint8, a quarter of the memory.
  at::ScalarType pixels = at::kFloat;
};

class Vae {
 public:
  virtual ~Vae() = default;

  // latents: [batch, channels, frames, rows, columns] as the network has them. Returns [batch, 3,
  // frames, height, width], clamped to what `pixels` says. Throws Error(kModel) naming the frames
  // when they are not finite.
  virtual at::Tensor decode(const at::Tensor& latents, const VaeOptions& options = {}) const = 0;
  // video: [batch, 3, frames, height, width] in -1..1. Returns latents in fp32, as the network has
  // them.
  virtual at::Tensor encode(const at::Tensor& video, const VaeOptions& options = {}) const = 0;
  // What either takes of a GPU's memory at a time, in bytes beside the weights: an estimate, for a
  // decoded clip in uint8.
  virtual std::int64_t bytes(VaeWork work, const LatentGrid& grid, const VaeTiles& tiles) const = 0;
};

}  // namespace twill::engine
