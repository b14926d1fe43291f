// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Rows of q, k, v in a token order, and sums of the values of mean heads.
#pragma once

#include "elements.cuh"
#include "side_args.h"
#include "twill/kernels/tiles.h"

namespace twill::kernels::side {

inline constexpr int kThreads = 256;
inline constexpr int kRowsOfThread = 8;  // 16-byte loads that a thread has under way

__device__ __forceinline__ const CudaHead* heads_of(const LayerView& view) {
  const std::int64_t variant = view.variant < 0 ? view.image[0] : view.variant;
  return reinterpret_cast<const CudaHead*>(
      view.image + view.offsets.layers +
      (variant * view.layers + view.layer) * view.offsets.layer_words + kCudaLayerWords);
}

// blockIdx: (rows, place of the head in the layer's record, batch x 3 tensors).
__global__ void __launch_bounds__(kThreads) gather_kernel(const __grid_constant__ GatherArgs args) {
  const LayerView& view = args.layer;
  const CudaHead head = heads_of(view)[blockIdx.y];
  if (head.gathered < 0 || head.precision != static_cast<std::int32_t>(Precision::kBf16)) {
    return;
  }
  const CudaList list =
      reinterpret_cast<const CudaList*>(view.image + view.offsets.lists)[head.list];
  const std::int32_t* positions = view.image + list.positions;
  const std::int32_t tensor = blockIdx.z % 3;
  const std::int32_t batch = blockIdx.z / 3;
  const std::int32_t pieces = view.head_dim / 8;  // of 16 bytes
  const std::int32_t piece = threadIdx.x % pieces;
  const Strides& strides = args.strides[tensor];
  const auto* from = static_cast<const std::uint16_t*>(args.from[tensor]) + batch * strides.batch +
                     head.head * strides.head + 8 * piece;
  auto* to = static_cast<std::uint16_t*>(args.to[tensor]) +
             (static_cast<std::int64_t>(batch) * args.gathered + head.gathered) * view.tokens *
                 view.head_dim +
             8 * piece;
  const std::int32_t rows = kThreads / pieces;
  const std::int32_t first = blockIdx.x * rows * kRowsOfThread + threadIdx.x / pieces;
  uint4 values[kRowsOfThread];
#pragma unroll
  for (int i = 0; i < kRowsOfThread; ++i) {
    const std::int32_t position = first + i * rows;
    if (position < view.tokens) {
      values[i] = __ldg(reinterpret_cast<const uint4*>(from + positions[position] * strides.token));
    }
  }
#pragma unroll
  for (int i = 0; i < kRowsOfThread; ++i) {
    const std::int64_t position = first + i * rows;
    if (position < view.tokens) {
      *reinterpret_cast<uint4*>(to + position * view.head_dim) = values[i];
    }
  }
}

// blockIdx: (chunk, place of the head in the layer's record, batch).
template <typename Element>
__global__ void __launch_bounds__(kThreads) mean_kernel(const __grid_constant__ MeanArgs args) {
  const LayerView& view = args.layer;
  const CudaHead head = heads_of(view)[blockIdx.y];
  if (head.mode != static_cast<std::int32_t>(HeadMode::kMean)) {
    return;
  }
  __shared__ float shared[kThreads * 8];
  const std::int32_t pieces = view.head_dim / 8;
  const std::int32_t piece = threadIdx.x % pieces;
  const std::int32_t rows = kThreads / pieces;
  const std::int64_t tokens = view.tokens;
  const auto begin = static_cast<std::int32_t>(tokens * blockIdx.x / args.chunks);
  const auto end = static_cast<std::int32_t>(tokens * (blockIdx.x + 1) / args.chunks);
  const auto* from = static_cast<const Element*>(args.v) + blockIdx.z * args.strides.batch +
                     head.head * args.strides.head + 8 * piece;
  float sums[8] = {};
#pragma unroll 4
  for (std::int32_t token = begin + static_cast<std::int32_t>(threadIdx.x / pieces); token < end;
       token += rows) {
    const uint4 value = __ldg(reinterpret_cast<const uint4*>(from + token * args.strides.token));
    const std::uint32_t words[4] = {value.x, value.y, value.z, value.w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float2 pair = cuda::pair_of(words[i], Element{});
      sums[2 * i] += pair.x;
      sums[2 * i + 1] += pair.y;
    }
  }
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    shared[threadIdx.x / pieces * view.head_dim + 8 * piece + i] = sums[i];
  }
  __syncthreads();
  if (threadIdx.x < view.head_dim) {
    float sum = 0.0f;
    for (std::int32_t row = 0; row < rows; ++row) {
      sum += shared[row * view.head_dim + threadIdx.x];
    }
    const std::int64_t at = static_cast<std::int64_t>(blockIdx.z) * view.heads + head.head;
    args.sums[(at * args.chunks + blockIdx.x) * view.head_dim + threadIdx.x] = sum;
  }
}

}  // namespace twill::kernels::side
