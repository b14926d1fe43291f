// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What the launcher hands to the portable kernel.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "../layer_view.h"
#include "twill/kernels/attention_tensors.h"

namespace twill::kernels::portable {

// [batch, heads, tokens, head_dim]
struct Tensor {
  const void* base;
  Strides strides;
};

struct AttentionArgs {
  CallArgs call;
  Tensor q[2], k[2], v[2];  // as given, and as gathered
};

// Launches the instance for this head_dim of a table (shapes.cuh).
cudaError_t launch_roomy_bf16(const AttentionArgs& args, int head_dim, cudaStream_t stream);
cudaError_t launch_roomy_f16(const AttentionArgs& args, int head_dim, cudaStream_t stream);
cudaError_t launch_compact_bf16(const AttentionArgs& args, int head_dim, cudaStream_t stream);
cudaError_t launch_compact_f16(const AttentionArgs& args, int head_dim, cudaStream_t stream);

}  // namespace twill::kernels::portable
