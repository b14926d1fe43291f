// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What is handed to the kernels that run before the attention of a layer.
#pragma once

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

}  // namespace twill::kernels
