// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// One layer of a plan in device memory, and what every attention kernel is told about a call.
#pragma once

#include "twill/kernels/cuda_words.h"

namespace twill::kernels {

struct LayerView {
  const std::int32_t* image = nullptr;
  CudaPlanOffsets offsets;
  std::int32_t layer = 0;
  std::int32_t layers = 0;
  std::int32_t variant = -1;  // -1: image[0]
  std::int32_t batch = 0;
  std::int32_t heads = 0;
  std::int32_t tokens = 0;
  std::int32_t head_dim = 0;
};

// Chunks of tokens whose values a mean head sums apart.
inline constexpr std::int32_t kMeanChunks = 64;

// Most key tiles of kernels that keep two counts of them in a register (key_tiles.cuh).
inline constexpr std::int32_t kMostKeyTiles = 0xffff;

struct CallArgs {
  LayerView layer;
  const float* mean_sums = nullptr;   // [batch, heads, kMeanChunks, head_dim]
  std::int32_t* next_item = nullptr;  // 0 when the launch begins
  void* out = nullptr;
  std::int64_t out_batch = 0, out_head = 0, out_token = 0;  // strides in elements
  float* lse = nullptr;                                     // [batch, heads, tokens] or null
  float factor = 0.0f;                                      // base2_factor()
};

}  // namespace twill::kernels
