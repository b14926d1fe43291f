// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What the launcher hands to the Hopper kernel.
#pragma once

#include <cuda.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "twill/kernels/cuda_plan.h"

namespace twill::kernels::sm90 {

// Chunks of tokens whose values a mean head sums apart.
inline constexpr std::int32_t kMeanChunks = 64;

struct AttentionArgs {
  // [batch, heads, tokens, head_dim], boxes of 64 tokens x 64 channels: as given, and as gathered.
  CUtensorMap q, k, v;
  CUtensorMap q_gathered, k_gathered, v_gathered;
  const std::int32_t* image;
  const float* mean_sums;  // [batch, heads, kMeanChunks, head_dim]
  std::int32_t* next_item;
  void* out;
  float* lse;
  std::int64_t out_batch, out_head, out_token;  // strides in elements
  CudaPlanOffsets offsets;
  std::int32_t layer, layers, variant, batch, heads, tokens;  // variant -1: image[0]
  float factor;                                               // base2_factor()
};

// Launches the instance for this head_dim (64 or 128).
cudaError_t launch_attention_bf16(const AttentionArgs& args, int head_dim, int blocks,
                                  cudaStream_t stream);
cudaError_t launch_attention_f16(const AttentionArgs& args, int head_dim, int blocks,
                                 cudaStream_t stream);

}  // namespace twill::kernels::sm90
