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
#pragma unroll 8
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
  static_assert(kEach % 2 == 0 || kEach == 3);
  if constexpr (kEach % 2 == 0) {
    std::uint32_t words[kEach / 2];
    if constexpr (kEach == 8) {
      const uint4 all = __ldg(reinterpret_cast<const uint4*>(from));
      words[0] = all.x, words[1] = all.y, words[2] = all.z, words[3] = all.w;
    } else if constexpr (kEach == 4) {
      const uint2 all = __ldg(reinterpret_cast<const uint2*>(from));
      words[0] = all.x, words[1] = all.y;
    } else {
      words[0] = __ldg(reinterpret_cast<const std::uint32_t*>(from));
    }
#pragma unroll
    for (int i = 0; i < kEach / 2; ++i) {
      const float2 pair = cuda::pair_of(words[i], Element{});
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

// x H of a row that lies over the lanes of a warp, H with entries of 1 and -1: one matrix over all
// channels where a lane has a power of two of them, else one for each that lanes hold. Scales take
// the norm of the rows of H.
template <int kEach>
struct Rotation {
  static constexpr bool kPowerOfTwo = (kEach & (kEach - 1)) == 0;
  static constexpr float kSize = kPowerOfTwo ? 32.0f * kEach : 32.0f;
};
template <int kEach>
__device__ __forceinline__ void rotate(float (&x)[kEach]) {
  if constexpr (Rotation<kEach>::kPowerOfTwo) {
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
    const float sign = (threadIdx.x & apart) != 0 ? -1.0f : 1.0f;
#pragma unroll
    for (float& value : x) {
      value = fmaf(value, sign, __shfl_xor_sync(0xffffffffu, value, apart));
    }
  }
}

template <int kEach>
__device__ __forceinline__ float largest_of(const float (&x)[kEach], float most = 0.0f) {
#pragma unroll
  for (const float value : x) {
    most = fmaxf(most, fabsf(value));
  }
  return most;
}
// Of values that are not negative, whose bits compare as they do.
__device__ __forceinline__ float warp_max(float value) {
  return __uint_as_float(__reduce_max_sync(0xffffffffu, __float_as_uint(value)));
}
__device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
  for (int apart = 16; apart > 0; apart /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, apart);
  }
  return value;
}

// What 8-bit integers of magnitudes up to `most` are per unit of the value.
__device__ __forceinline__ float units_in(float most) {
  return most > 0.0f ? kMostSigned / most : 0.0f;
}
// The nearest integer in the lowest byte: sums with 1.5 * 2^23 are whole numbers.
__device__ __forceinline__ std::uint32_t rounded(float value, float per_unit) {
  return __float_as_uint(fmaf(value, per_unit, 12582912.0f));
}
// The lowest bytes of two, in the lower half of a word.
__device__ __forceinline__ std::uint32_t bytes_of(std::uint32_t low, std::uint32_t high) {
  return __byte_perm(low, high, 0x0040);
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
    std::uint32_t pairs[kEach / 2];
#pragma unroll
    for (int i = 0; i < kEach / 2; ++i) {
      pairs[i] = bytes_of(rounded(x[2 * i], per_unit), rounded(x[2 * i + 1], per_unit));
    }
    if constexpr (kEach == 2) {
      *reinterpret_cast<std::uint16_t*>(to) = static_cast<std::uint16_t>(pairs[0]);
    } else {
#pragma unroll
      for (int i = 0; i < kEach / 4; ++i) {
        reinterpret_cast<std::uint32_t*>(to)[i] =
            __byte_perm(pairs[2 * i], pairs[2 * i + 1], 0x5410);
      }
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
  float mean[kEach];  // of the keys
#pragma unroll
  for (int i = 0; i < kEach; ++i) {
    mean[i] = channels[i];
  }
  // Behind the last token that one stands again: a score that is there already moves no maximum.
  std::int32_t token[kRows];
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    const std::int32_t position = min(first + i, layout.tokens - 1);
    token[i] = positions != nullptr ? positions[position] : position;
  }

  const Element* from = rows_of<Element>(args, 0, head, blockIdx.z) + kEach * lane;
  std::uint8_t* queries = args.to.queries + place * layout.query_bytes() +
                          static_cast<std::int64_t>(blockIdx.x) * kKeyTile * kHeadDim;
  const float norm = rsqrtf(Rotation<kEach>::kSize);
  float x[kRows][kEach];
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    load_row(from + token[i] * args.strides[0].token, x[i]);
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
    const float most = warp_max(largest_of(x[i]));
    // Eight rows of a warp are whole periods of a place.
    store_row<kEach, kPieces>(queries, warp * kRows + i, x[i], units_in(most));
    if (lane == 0) {
      args.to.rows[place * layout.row_scales() + first + i] = {
          most * norm / kMostSigned * args.factor, offset * args.factor};
    }
  }
  if (blockIdx.x >= layout.key_tiles()) {
    return;
  }

  std::uint8_t* tile = args.to.keys + place * layout.key_bytes() + blockIdx.x * layout.tile_bytes();
  const auto most_of_tile = [&](int which) {
    float most = 0.0f;
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      most = largest_of(x[i], most);
    }
    most = warp_max(most);
    if (lane == 0) {
      largest[which][warp] = most;
    }
    __syncthreads();
    return largest_of(largest[which]);
  };

  from = rows_of<Element>(args, 1, head, blockIdx.z) + kEach * lane;
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    load_row(from + token[i] * args.strides[1].token, x[i]);
  }
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
#pragma unroll
    for (int j = 0; j < kEach; ++j) {
      x[i][j] -= mean[j];
    }
    rotate(x[i]);
  }
  const float key_most = most_of_tile(0);
  const float per_key = units_in(key_most);
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    store_row<kEach, kPieces>(tile, warp * kRows + i, x[i], per_key);
  }

  from = rows_of<Element>(args, 2, head, blockIdx.z) + kEach * lane;
  float per_unit[kEach];
  float shift[kEach];
#pragma unroll
  for (int i = 0; i < kEach; ++i) {
    per_unit[i] = 1.0f / channels[2 * kHeadDim + i];
    shift[i] = -channels[kHeadDim + i] * per_unit[i];
  }
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    load_row(from + token[i] * args.strides[2].token, x[i]);
#pragma unroll
    for (int j = 0; j < kEach; ++j) {
      x[i][j] = fmaf(x[i][j], per_unit[j], shift[j]);
    }
  }
  if (blockIdx.x + 1 == layout.key_tiles()) {
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
#pragma unroll
      for (float& value : x[i]) {
        value = first + i < layout.tokens ? value : 0.0f;
      }
    }
  }
  const float value_most = most_of_tile(1);
  const float per_value = units_in(value_most);
  static_assert(kRows == 8);
#pragma unroll
  for (int i = 0; i < kRows; i += 2) {
#pragma unroll
    for (int j = 0; j < kEach; ++j) {
      const std::uint32_t pair =
          bytes_of(rounded(x[i][j], per_value), rounded(x[i + 1][j], per_value));
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
        key_most * norm / kMostSigned, value_most / kMostSigned, {0.0f, 0.0f}};
  }
}

}  // namespace twill::kernels::int8
