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
  int blocks = 0;
  const cudaError_t error =
      cuda::blocks_of_device<attention_kernel<S>, S::kThreads, S::kSharedBytes>(&blocks);
  if (error != cudaSuccess) {
    return error;
  }
  attention_kernel<S><<<blocks, S::kThreads, S::kSharedBytes, stream>>>(args);
  return cudaGetLastError();
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
