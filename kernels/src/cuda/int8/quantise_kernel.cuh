// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Rows of q, k and v in the token order of their head, as 8-bit integers with scales: queries by
// row, keys and values by tile.
//
// Before that the mean of the keys is taken from them, which moves all scores of a row alike (as
// SageAttention does, https://arxiv.org/abs/2410.02367); queries and keys are rotated by a Hadamard
// matrix, which spreads a channel that stands out over all of them and changes no score (QuaRot,
// https://arxiv.org/abs/2404.00456); and values are centred and divided by their channel's standard
// deviation, which the attention kernel takes back. Means and deviations are of a sample of the
// tokens: any vector would do, these make the scales small.
#pragma once

#include "../elements.cuh"
#include "attention_args.h"

namespace twill::kernels::int8 {

inline constexpr int kSampledRows = 2048;
inline constexpr int kSumThreads = 512;
inline constexpr int kQuantiseThreads = 256;

// The record of a quantised head of the layer.
__device__ inline CudaHead quantised_head(const LayerView& view, std::int32_t index, bool* exists) {
  const std::int64_t variant = view.variant < 0 ? view.image[0] : view.variant;
  const std::int32_t* layer = view.image + view.offsets.layers +
                              (variant * view.layers + view.layer) * view.offsets.layer_words;
  const CudaPart part =
      reinterpret_cast<const CudaPart*>(layer)[static_cast<std::int32_t>(Precision::kInt8)];
  *exists = index < part.heads;
  return reinterpret_cast<const CudaHead*>(
      layer + kCudaLayerWords)[part.first_head + (*exists ? index : 0)];
}

__device__ inline const std::int32_t* positions_of(const LayerView& view, const CudaHead& head) {
  if (head.list < 0) {
    return nullptr;
  }
  const CudaList list =
      reinterpret_cast<const CudaList*>(view.image + view.offsets.lists)[head.list];
  return list.positions == 0 ? nullptr : view.image + list.positions;
}

template <typename Element>
__device__ const Element* rows_of(const QuantiseArgs& args, int tensor, const CudaHead& head,
                                  std::int32_t batch) {
  const Strides& strides = args.strides[tensor];
  return static_cast<const Element*>(args.from[tensor]) + batch * strides.batch +
         head.head * strides.head;
}

// blockIdx: (quantised head, batch). The sampled rows are those of the tokens, whatever the order.
template <typename Element, int kHeadDim>
__global__ void __launch_bounds__(kSumThreads)
    channels_kernel(const __grid_constant__ QuantiseArgs args) {
  constexpr int kPieces = kHeadDim / 8;
  constexpr int kGroups = kSumThreads / kPieces;  // threads left over rest
  bool exists = false;
  const CudaHead head = quantised_head(args.layer, blockIdx.x, &exists);
  if (!exists) {
    return;
  }
  const auto piece = static_cast<int>(threadIdx.x) % kPieces;
  const auto group = static_cast<int>(threadIdx.x) / kPieces;
  const std::int64_t tokens = args.layer.tokens;
  const int rows = tokens < kSampledRows ? static_cast<int>(tokens) : kSampledRows;
  float sums[3][8] = {};  // k, v, v^2
  if (group < kGroups) {
    const Element* k = rows_of<Element>(args, 1, head, blockIdx.y) + 8 * piece;
    const Element* v = rows_of<Element>(args, 2, head, blockIdx.y) + 8 * piece;
#pragma unroll 4
    for (int row = group; row < rows; row += kGroups) {
      const std::int64_t token = row * tokens / rows;
      const uint4 of_k = __ldg(reinterpret_cast<const uint4*>(k + token * args.strides[1].token));
      const uint4 of_v = __ldg(reinterpret_cast<const uint4*>(v + token * args.strides[2].token));
      const std::uint32_t k_words[4] = {of_k.x, of_k.y, of_k.z, of_k.w};
      const std::uint32_t v_words[4] = {of_v.x, of_v.y, of_v.z, of_v.w};
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float2 keys = cuda::pair_of(k_words[i], Element{});
        const float2 values = cuda::pair_of(v_words[i], Element{});
        sums[0][2 * i] += keys.x;
        sums[0][2 * i + 1] += keys.y;
        sums[1][2 * i] += values.x;
        sums[1][2 * i + 1] += values.y;
        sums[2][2 * i] += values.x * values.x;
        sums[2][2 * i + 1] += values.y * values.y;
      }
    }
  }
  __shared__ float shared[kGroups * kHeadDim];
  __shared__ float deviations[kHeadDim];
  float totals[3] = {};
#pragma unroll
  for (int sum = 0; sum < 3; ++sum) {
    __syncthreads();
    if (group < kGroups) {
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        shared[group * kHeadDim + 8 * piece + i] = sums[sum][i];
      }
    }
    __syncthreads();
    if (threadIdx.x < kHeadDim) {
      for (int from = 0; from < kGroups; ++from) {
        totals[sum] += shared[from * kHeadDim + threadIdx.x];
      }
      totals[sum] /= static_cast<float>(rows);
    }
  }
  if (threadIdx.x < kHeadDim) {
    deviations[threadIdx.x] = sqrtf(fmaxf(totals[2] - totals[1] * totals[1], 0.0f));
  }
  __syncthreads();
  if (threadIdx.x < kHeadDim) {
    // A channel that hardly moves must not make the others' scale.
    float largest = 0.0f;
    for (int channel = 0; channel < kHeadDim; ++channel) {
      largest = fmaxf(largest, deviations[channel]);
    }
    const float least = largest > 0.0f ? largest / 64.0f : 1.0f;
    const Layout layout{.tokens = args.layer.tokens, .head_dim = kHeadDim};
    float* to = args.to.channels +
                (static_cast<std::int64_t>(blockIdx.y) * args.to.heads + blockIdx.x) *
                    layout.channel_floats() +
                threadIdx.x;
    to[0] = totals[0];
    to[kHeadDim] = totals[1];
    to[2 * kHeadDim] = fmaxf(deviations[threadIdx.x], least);
  }
}

// A lane's elements of a row, kEach that follow each other.
template <typename Element, int kEach>
__device__ __forceinline__ void load_row(const Element* from, float (&to)[kEach]) {
  if constexpr (kEach % 2 == 0) {
#pragma unroll
    for (int i = 0; i < kEach / 2; ++i) {
      const float2 pair =
          cuda::pair_of(__ldg(reinterpret_cast<const std::uint32_t*>(from) + i), Element{});
      to[2 * i] = pair.x;
      to[2 * i + 1] = pair.y;
    }
  } else {
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      to[i] = cuda::to_float(from[i]);
    }
  }
}

// x H / sqrt(size) of a row that lies over the lanes of a warp: one matrix over all channels where
// a lane has a power of two of them, else one for each that lanes hold.
template <int kEach>
__device__ __forceinline__ void rotate(float (&x)[kEach]) {
  constexpr bool kPowerOfTwo = (kEach & (kEach - 1)) == 0;
  constexpr float kSize = kPowerOfTwo ? 32.0f * kEach : 32.0f;
  if constexpr (kPowerOfTwo) {
#pragma unroll
    for (int apart = 1; apart < kEach; apart *= 2) {
#pragma unroll
      for (int i = 0; i < kEach; ++i) {
        if ((i & apart) == 0) {
          const float low = x[i];
          x[i] = low + x[i + apart];
          x[i + apart] = low - x[i + apart];
        }
      }
    }
  }
#pragma unroll
  for (int apart = 1; apart < 32; apart *= 2) {
    const bool upper = (threadIdx.x & apart) != 0;
#pragma unroll
    for (float& value : x) {
      const float other = __shfl_xor_sync(0xffffffffu, value, apart);
      value = upper ? other - value : value + other;
    }
  }
  const float norm = rsqrtf(kSize);
#pragma unroll
  for (float& value : x) {
    value *= norm;
  }
}

__device__ __forceinline__ float warp_max(float value) {
#pragma unroll
  for (int apart = 16; apart > 0; apart /= 2) {
    value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, apart));
  }
  return value;
}
__device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
  for (int apart = 16; apart > 0; apart /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, apart);
  }
  return value;
}

__device__ __forceinline__ std::uint32_t rounded(float value, float per_unit) {
  return static_cast<std::uint32_t>(__float2int_rn(value * per_unit)) & 0xffu;
}

// kEach bytes of a row at their place in a tile.
template <int kEach, int kPieces>
__device__ __forceinline__ void store_row(std::uint8_t* tile, std::uint32_t row,
                                          const float (&x)[kEach], float per_unit) {
  const std::uint32_t lane = threadIdx.x % 32;
  if constexpr (kEach == 3) {
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      const std::uint32_t at = kEach * lane + i;
      tile[place_of<kPieces>(row, at / 16) + at % 16] =
          static_cast<std::uint8_t>(rounded(x[i], per_unit));
    }
  } else {
    const std::uint32_t at = kEach * lane;
    std::uint8_t* to = tile + place_of<kPieces>(row, at / 16) + at % 16;
#pragma unroll
    for (int i = 0; i < kEach; i += 2) {
      const std::uint32_t pair = rounded(x[i], per_unit) | rounded(x[i + 1], per_unit) << 8;
      *reinterpret_cast<std::uint16_t*>(to + i) = static_cast<std::uint16_t>(pair);
    }
  }
}

// blockIdx: (64 positions, quantised head, batch); eight warps with eight rows each.
template <typename Element, int kHeadDim>
__global__ void __launch_bounds__(kQuantiseThreads)
    quantise_kernel(const __grid_constant__ QuantiseArgs args) {
  constexpr int kEach = kHeadDim / 32;
  constexpr int kWarps = kQuantiseThreads / 32;
  constexpr int kRows = kKeyTile / kWarps;
  constexpr int kPieces = kHeadDim / 16;
  constexpr int kPitch = kKeyTile + 4;
  __shared__ float largest[2][kWarps];
  __shared__ __align__(16) std::uint8_t turned[kHeadDim * kPitch];
  bool exists = false;
  const CudaHead head = quantised_head(args.layer, blockIdx.y, &exists);
  if (!exists) {
    return;
  }
  const Layout layout{.tokens = args.layer.tokens, .head_dim = kHeadDim};
  const std::int64_t place = static_cast<std::int64_t>(blockIdx.z) * args.to.heads + blockIdx.y;
  const auto lane = static_cast<int>(threadIdx.x % 32);
  const auto warp = static_cast<int>(threadIdx.x / 32);
  const std::int32_t* positions = positions_of(args.layer, head);
  const std::int32_t first = static_cast<std::int32_t>(blockIdx.x) * kKeyTile + warp * kRows;
  const float* channels = args.to.channels + place * layout.channel_floats() + kEach * lane;
  float mean[kEach];  // of the keys, then of the values
#pragma unroll
  for (int i = 0; i < kEach; ++i) {
    mean[i] = channels[i];
  }
  std::int64_t token[kRows];
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    const std::int32_t position = first + i;
    token[i] = position >= layout.tokens ? -1
               : positions != nullptr    ? positions[position]
                                         : position;
  }

  const Element* from = rows_of<Element>(args, 0, head, blockIdx.z) + kEach * lane;
  std::uint8_t* queries = args.to.queries + place * layout.query_bytes() +
                          static_cast<std::int64_t>(blockIdx.x) * kKeyTile * kHeadDim;
  float x[kRows][kEach];
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
#pragma unroll
    for (float& value : x[i]) {
      value = 0.0f;
    }
    if (token[i] >= 0) {
      load_row(from + token[i] * args.strides[0].token, x[i]);
    }
  }
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    float offset = 0.0f;
#pragma unroll
    for (int j = 0; j < kEach; ++j) {
      offset = fmaf(x[i][j], mean[j], offset);
    }
    offset = warp_sum(offset);
    rotate(x[i]);
    float most = 0.0f;
#pragma unroll
    for (const float value : x[i]) {
      most = fmaxf(most, fabsf(value));
    }
    most = warp_max(most);
    // Eight rows of a warp are whole periods of a place.
    store_row<kEach, kPieces>(queries, warp * kRows + i, x[i],
                              most > 0.0f ? kMostSigned / most : 0.0f);
    if (lane == 0) {
      args.to.rows[place * layout.row_scales() + first + i] = {most / kMostSigned * args.factor,
                                                               offset * args.factor};
    }
  }
  if (blockIdx.x >= layout.key_tiles()) {
    return;
  }

  std::uint8_t* tile = args.to.keys + place * layout.key_bytes() + blockIdx.x * layout.tile_bytes();
  const auto scale_of_tile = [&](int which) {
    float most = 0.0f;
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
#pragma unroll
      for (const float value : x[i]) {
        most = fmaxf(most, fabsf(value));
      }
    }
    most = warp_max(most);
    if (lane == 0) {
      largest[which][warp] = most;
    }
    __syncthreads();
    most = largest[which][0];
#pragma unroll
    for (int i = 1; i < kWarps; ++i) {
      most = fmaxf(most, largest[which][i]);
    }
    return most;
  };

  // Behind the last token its key stands again: a score that is there already moves no maximum.
  from = rows_of<Element>(args, 1, head, blockIdx.z) + kEach * lane;
  const std::int64_t last = positions != nullptr ? positions[layout.tokens - 1] : layout.tokens - 1;
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    load_row(from + (token[i] >= 0 ? token[i] : last) * args.strides[1].token, x[i]);
#pragma unroll
    for (int j = 0; j < kEach; ++j) {
      x[i][j] -= mean[j];
    }
    rotate(x[i]);
  }
  const float key_most = scale_of_tile(0);
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    store_row<kEach, kPieces>(tile, warp * kRows + i, x[i],
                              key_most > 0.0f ? kMostSigned / key_most : 0.0f);
  }

  from = rows_of<Element>(args, 2, head, blockIdx.z) + kEach * lane;
  float per_unit[kEach];
#pragma unroll
  for (int i = 0; i < kEach; ++i) {
    mean[i] = channels[kHeadDim + i];
    per_unit[i] = 1.0f / channels[2 * kHeadDim + i];
  }
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    if (token[i] >= 0) {
      load_row(from + token[i] * args.strides[2].token, x[i]);
#pragma unroll
      for (int j = 0; j < kEach; ++j) {
        x[i][j] = (x[i][j] - mean[j]) * per_unit[j];
      }
    } else {
#pragma unroll
      for (float& value : x[i]) {
        value = 0.0f;
      }
    }
  }
  const float value_most = scale_of_tile(1);
  const float per_value = value_most > 0.0f ? kMostSigned / value_most : 0.0f;
  static_assert(kRows == 8);
#pragma unroll
  for (int i = 0; i < kRows; i += 2) {
#pragma unroll
    for (int j = 0; j < kEach; ++j) {
      const std::uint32_t pair = rounded(x[i][j], per_value) | rounded(x[i + 1][j], per_value) << 8;
      *reinterpret_cast<std::uint16_t*>(turned + (kEach * lane + j) * kPitch +
                                        place_of_key(warp * kRows + i)) =
          static_cast<std::uint16_t>(pair);
    }
  }
  __syncthreads();
  std::uint8_t* values = tile + kKeyTile * kHeadDim;
  for (std::uint32_t at = threadIdx.x; at < kHeadDim * 4; at += kQuantiseThreads) {
    const std::uint32_t channel = at / 4;
    const auto* words =
        reinterpret_cast<const std::uint32_t*>(turned + channel * kPitch + at % 4 * 16);
    *reinterpret_cast<uint4*>(values + place_of<4>(channel, at % 4)) = {words[0], words[1],
                                                                        words[2], words[3]};
  }
  std::uint8_t* ones = tile + 2 * kKeyTile * kHeadDim;
  if (threadIdx.x < kKeyTile) {
    const std::uint32_t position = blockIdx.x * kKeyTile + threadIdx.x;
    ones[place_of_key(threadIdx.x)] = position < static_cast<std::uint32_t>(layout.tokens) ? 1 : 0;
  }
  if (threadIdx.x == 0) {
    *reinterpret_cast<TileScales*>(ones + kKeyTile) = {
        key_most / kMostSigned, value_most / kMostSigned, {0.0f, 0.0f}};
  }
}

}  // namespace twill::kernels::int8
