// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "launch_tables.cuh"

namespace twill::kernels::int8 {

cudaError_t launch_compact_bf16(const AttentionArgs& args, int head_dim, cudaStream_t stream) {
  return launch_table<Compact<cuda::Bf16>>(args, head_dim, stream);
}

}  // namespace twill::kernels::int8
