// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The host's side of the INT8 kernel's tables of tiles, compiled by nvcc only.
#pragma once

#include <cuda_runtime.h>

#include "../persistent_launch.cuh"
#include "shapes.cuh"
#include "tables.h"

namespace twill::kernels::int8 {

template <typename S>
cudaError_t launch_shape(const AttentionArgs& args, cudaStream_t stream) {
  return cuda::launch_persistent<attention_kernel<S>, S>(args, stream);
}

template <typename Table>
cudaError_t launch_table(const AttentionArgs& args, int head_dim, cudaStream_t stream) {
  switch (head_dim) {
    case 64:
      return launch_shape<typename Table::Dim64>(args, stream);
    case 96:
      return launch_shape<typename Table::Dim96>(args, stream);
    case 128:
      return launch_shape<typename Table::Dim128>(args, stream);
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace twill::kernels::int8
