// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The host's side of the portable kernel's tables of tiles, compiled by nvcc only.
#pragma once

#include <cuda_runtime.h>

#include <atomic>

#include "shapes.cuh"
#include "tables.h"

namespace twill::kernels::portable {

// Blocks that fill the current device; what it takes to launch them is done once for each device.
template <typename S>
cudaError_t blocks_of_device(int* blocks) {
  constexpr int kDevices = 64;
  static std::atomic<int> known[kDevices];
  int device = 0;
  cudaError_t error = cudaGetDevice(&device);
  if (error == cudaSuccess && device < kDevices && known[device] != 0) {
    *blocks = known[device];
    return cudaSuccess;
  }
  int multiprocessors = 0;
  int on_each = 0;
  if (error == cudaSuccess) {
    error = cudaFuncSetAttribute(attention_kernel<S>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 S::kSharedBytes);
  }
  if (error == cudaSuccess) {
    error = cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device);
  }
  if (error == cudaSuccess) {
    error = cudaOccupancyMaxActiveBlocksPerMultiprocessor(&on_each, attention_kernel<S>,
                                                          S::kThreads, S::kSharedBytes);
  }
  if (error != cudaSuccess) {
    return error;
  }
  *blocks = multiprocessors * on_each;
  if (device < kDevices) {
    known[device] = *blocks;
  }
  return cudaSuccess;
}

template <typename S>
cudaError_t launch_shape(const AttentionArgs& args, cudaStream_t stream) {
  int blocks = 0;
  if (const cudaError_t error = blocks_of_device<S>(&blocks); error != cudaSuccess) {
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
    case 256:
      return launch_shape<typename Table::Dim256>(args, stream);
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace twill::kernels::portable
