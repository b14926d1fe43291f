// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What runs before the attention of a layer: token orders and the sums of mean heads.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "layer_view.h"
#include "twill/kernels/attention_tensors.h"

namespace twill::kernels {

// Rows of q, k and v of the heads that have a token order, in that order:
// to[tensor]: [batch, gathered, tokens, head_dim], contiguous. Elements of two bytes.
struct GatherArgs {
  LayerView layer;
  const void* from[3];
  Strides strides[3];
  void* to[3];
  std::int32_t gathered = 0;
};
cudaError_t launch_gather(const GatherArgs& args, cudaStream_t stream);

// sums: [batch, heads, chunks, head_dim] of fp32, sums over a chunk of tokens; only mean heads are
// written.
struct MeanArgs {
  LayerView layer;
  const void* v = nullptr;
  Strides strides;
  Dtype dtype = Dtype::kBf16;
  std::int32_t chunks = 0;
  float* sums = nullptr;
};
cudaError_t launch_mean_sums(const MeanArgs& args, cudaStream_t stream);

cudaError_t launch_set_word(std::int32_t* word, std::int32_t value, cudaStream_t stream);

}  // namespace twill::kernels
