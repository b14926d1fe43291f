// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Pictures of a clip while it is being made, as fine as the clip and far cheaper than its VAE: the
// decoder of a tiny autoencoder for video, https://github.com/madebyollin/taehv.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include <array>
#include <cstdint>
#include <span>
#include <stop_token>
#include <vector>

#include "twill/engine/weights.h"

namespace twill::engine {

// The longer side of its pictures at most, in pixels: more would be sent to whoever shows them
// after every step.
inline constexpr std::int64_t kMostPreviewSide = 832;

// How the numbers that a decoder was trained on come from those of the network, by channel: times
// deviation, plus mean. Empty: they are the same.
struct TaeNumbers {
  std::span<const double> mean, deviation;
};

class TaeDecoder {
 public:
  // Channels of the latents that the file is for. Throws Error(kFile) naming the tensor where it is
  // no such decoder.
  static std::int64_t channels_of(const Weights& weights);

  // Computes in `dtype` on `device`. Throws Error(kFile) naming file and tensor.
  TaeDecoder(const Weights& weights, at::ScalarType dtype, at::Device device,
             const TaeNumbers& numbers = {});

  // latents: [1, channels, T, h, w] as the network has them. Returns [T, height, width, 3] uint8 on
  // the CPU, the last of the frames that each latent frame stands for; where they would be larger
  // than kMostPreviewSide, each pixel is the mean of 2 x 2 or more. Throws Cancelled between
  // frames.
  at::Tensor pictures(const at::Tensor& latents, const std::stop_token& stop = {}) const;

 private:
  struct Conv {
    at::Tensor weight, bias;  // no bias: undefined
    at::Tensor operator()(const at::Tensor& x) const;
  };
  // Sees the frame before.
  struct MemoryBlock {
    std::array<Conv, 3> convs;
    // x: [frames, channels, h, w]; past: the frame before x's first, undefined before a clip's
    // first; x's last is left there.
    at::Tensor operator()(const at::Tensor& x, at::Tensor& past) const;
  };
  struct Level {
    std::array<MemoryBlock, 3> blocks;
    Conv grow;   // one frame's channels to those of one or two frames
    Conv merge;  // behind the doubled rows and columns, to the next level's channels
  };

  at::Tensor picture(const at::Tensor& frame, std::vector<at::Tensor>& past) const;

  at::ScalarType dtype_;
  at::Device device_;
  std::int64_t patch_;           // pixels of a side that stand in channels at the end
  at::Tensor mean_, deviation_;  // [1, channels, 1, 1] fp32, or undefined
  Conv first_, last_;
  std::array<Level, 3> levels_;
};

}  // namespace twill::engine
