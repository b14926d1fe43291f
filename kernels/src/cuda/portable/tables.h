// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The tables of tiles (shapes.cuh) as the launcher calls them.
#pragma once

#include <cuda_runtime.h>

#include "attention_args.h"

namespace twill::kernels::portable {

// Launches the instance for this head_dim of a table (shapes.cuh).
cudaError_t launch_roomy_bf16(const AttentionArgs& args, int head_dim, cudaStream_t stream);
cudaError_t launch_roomy_f16(const AttentionArgs& args, int head_dim, cudaStream_t stream);
cudaError_t launch_compact_bf16(const AttentionArgs& args, int head_dim, cudaStream_t stream);
cudaError_t launch_compact_f16(const AttentionArgs& args, int head_dim, cudaStream_t stream);

}  // namespace twill::kernels::portable
