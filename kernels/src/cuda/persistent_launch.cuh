// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Launches of kernels whose blocks stay on their multiprocessors and take items of work.
#pragma once

#include <cuda_runtime.h>

#include <atomic>

namespace twill::kernels::cuda {

// Blocks of kKernel that fill the current device; what it takes to launch them is done once for
// each device.
template <auto kKernel, int kThreads, int kSharedBytes>
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
    error =
        cudaFuncSetAttribute(kKernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kSharedBytes);
  }
  if (error == cudaSuccess) {
    error = cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device);
  }
  if (error == cudaSuccess) {
    error =
        cudaOccupancyMaxActiveBlocksPerMultiprocessor(&on_each, kKernel, kThreads, kSharedBytes);
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

// S: the kernel's shape, with kThreads and kSharedBytes.
template <auto kKernel, typename S, typename Args>
cudaError_t launch_persistent(const Args& args, cudaStream_t stream) {
  int blocks = 0;
  const cudaError_t error = blocks_of_device<kKernel, S::kThreads, S::kSharedBytes>(&blocks);
  if (error != cudaSuccess) {
    return error;
  }
  kKernel<<<blocks, S::kThreads, S::kSharedBytes, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace twill::kernels::cuda
