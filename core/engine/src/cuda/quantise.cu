// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "cuda/quantise.h"

#include <cuda_fp8.h>
#include <cuda_runtime.h>

#include <limits>
#include <string>
#include <type_traits>

#include "cuda/eight.cuh"
#include "fp8_scale.h"

namespace twill::engine::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int kPieces = 8;  // of eight numbers, that a thread has of a row

__device__ float block_max(float value, float (&partial)[kWarps]) {
  for (int apart = 16; apart > 0; apart /= 2) {
    value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, apart));
  }
  if (threadIdx.x % 32 == 0) {
    partial[threadIdx.x / 32] = value;
  }
  __syncthreads();
  for (const float each : partial) {
    value = fmaxf(value, each);
  }
  return value;
}

template <typename Element>
__global__ void __launch_bounds__(kThreads) fp8_rows_kernel(Fp8Rows p) {
  __shared__ float partial[kWarps];
  const std::int64_t row = blockIdx.x;
  const Element* const from = static_cast<const Element*>(p.x) + row * p.columns;
  float x[kPieces][kEight];
  float greatest = 0.0f;
#pragma unroll
  for (int piece = 0; piece < kPieces; ++piece) {
    const int at = (piece * kThreads + static_cast<int>(threadIdx.x)) * kEight;
    if (at < p.columns) {
      load_eight(from + at, x[piece]);
#pragma unroll
      for (const float value : x[piece]) {
        greatest = fmaxf(greatest, fabsf(value));
      }
    }
  }
  const float scale = __fdiv_rn(fmaxf(block_max(greatest, partial), kLeastOfRow), kGreatestE4m3);
  if (threadIdx.x == 0) {
    p.scales[row] = scale;
  }
#pragma unroll
  for (int piece = 0; piece < kPieces; ++piece) {
    const int at = (piece * kThreads + static_cast<int>(threadIdx.x)) * kEight;
    if (at < p.columns) {
      union {
        uint2 words;
        __nv_fp8_storage_t bytes[kEight];
      } made;
#pragma unroll
      for (int i = 0; i < kEight; ++i) {
        made.bytes[i] =
            __nv_cvt_float_to_fp8(__fdiv_rn(x[piece][i], scale), __NV_SATFINITE, __NV_E4M3);
      }
      *reinterpret_cast<uint2*>(p.values + row * p.columns + at) = made.words;
    }
  }
}

}  // namespace

bool takes_fp8_rows(std::int64_t columns) {
  return columns % kEight == 0 && columns <= kPieces * kThreads * kEight;
}

kernels::Status to_fp8(const Fp8Rows& rows, void* stream) {
  if (rows.rows > std::numeric_limits<std::int32_t>::max()) {
    return kernels::Status::failure("fp8: too many rows, " + std::to_string(rows.rows));
  }
  if (rows.rows > 0) {
    with_element(rows.dtype, [&](auto* tag) {
      using Element = std::remove_pointer_t<decltype(tag)>;
      fp8_rows_kernel<Element>
          <<<static_cast<unsigned>(rows.rows), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(
              rows);
    });
  }
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess
             ? kernels::Status{}
             : kernels::Status::failure(std::string("fp8: ") + cudaGetErrorString(error));
}

}  // namespace twill::engine::cuda
