// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What the launcher hands to the Hopper kernel.
#pragma once

#include <cuda.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "../layer_view.h"

namespace twill::kernels::sm90 {

struct AttentionArgs {
  CallArgs call;
  // [batch, heads, tokens, head_dim], boxes of 64 tokens x 64 channels: as given, and as gathered.
  CUtensorMap q, k, v;
  CUtensorMap q_gathered, k_gathered, v_gathered;
};

// Launches the instance for this head_dim (64 or 128).
cudaError_t launch_attention_bf16(const AttentionArgs& args, int head_dim, cudaStream_t stream);
cudaError_t launch_attention_f16(const AttentionArgs& args, int head_dim, cudaStream_t stream);

}  // namespace twill::kernels::sm90
