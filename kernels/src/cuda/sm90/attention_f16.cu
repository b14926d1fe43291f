// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "attention_kernel.cuh"

namespace twill::kernels::sm90 {

cudaError_t launch_attention_f16(const AttentionArgs& args, int head_dim, cudaStream_t stream) {
  return head_dim == 64 ? launch_shape<Shape64<cuda::F16>>(args, stream)
                        : launch_shape<Shape128<cuda::F16>>(args, stream);
}

}  // namespace twill::kernels::sm90
