// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The tile tables of the INT8 kernel: its shape for each head_dim, by the shared memory that a
// block may have. tests/kernels/test_kernel_resources.py holds that none of them spills registers.
#pragma once

#include "../persistent_launch.cuh"
#include "attention_kernel.cuh"

namespace twill::kernels::int8 {

// Devices with 163 KiB for a multiprocessor and more (8.0, 9.0, 10.0): two blocks of four warps,
// each with 32 rows, so that a warp's reads of keys and values serve two products. Measured on an
// H200 beside 16 rows, 32 keys a step, 2 to 4 stages and 3 blocks.
template <typename Element>
struct Roomy {
  using Dim64 = Shape<Element, 64, 4, 3, 2>;
  using Dim96 = Shape<Element, 96, 4, 3, 2>;
  using Dim128 = Shape<Element, 128, 4, 3, 2>;
};

// Devices with 99 KiB (8.6, 8.9, 12.0): eight warps with 16 rows each where two blocks do not fit.
template <typename Element>
struct Compact {
  using Dim64 = Shape<Element, 64, 4, 3, 2>;
  using Dim96 = Shape<Element, 96, 8, 3, 1>;
  using Dim128 = Shape<Element, 128, 8, 3, 1>;
};

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
