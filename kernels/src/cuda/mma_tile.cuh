// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Tiles of 64 rows against 64 keys on the tensor cores of any recent device (mma.sync), for the
// profiling kernels: four warps of 16 rows. Thread t of a warp holds rows t / 4 and t / 4 + 8;
// c[n][{0, 1}] are columns 8 * n + 2 * (t % 4) + {0, 1} of the first and c[n][{2, 3}] of the
// second.
#pragma once

#include <cstdint>

#include "ptx.cuh"

namespace twill::kernels::mma {

using cuda::multiply;
using cuda::quad_max;
using cuda::quad_sum;

inline constexpr int kRows = 64;
inline constexpr int kThreads = 128;

// Rows of kHeadDim elements and 16 bytes of padding, against bank conflicts of ldmatrix.
template <typename Element, int kHeadDim>
struct Tile {
  static constexpr int kPitch = kHeadDim + 8;
  Element rows[kRows][kPitch];
};

// token_of(row): the token of a row, or -1 for a row of zeros.
template <typename Element, int kHeadDim, typename TokenOf>
__device__ void load_tile(Tile<Element, kHeadDim>& tile, const Element* base, std::int64_t stride,
                          const TokenOf& token_of) {
  constexpr int kPieces = kHeadDim / 8;
#pragma unroll
  for (int i = 0; i < kRows * kPieces / kThreads; ++i) {
    const int at = static_cast<int>(threadIdx.x) + i * kThreads;
    const std::int32_t token = token_of(at / kPieces);
    uint4 value = {0, 0, 0, 0};
    if (token >= 0) {
      value = __ldg(reinterpret_cast<const uint4*>(base + token * stride) + at % kPieces);
    }
    *reinterpret_cast<uint4*>(&tile.rows[at / kPieces][at % kPieces * 8]) = value;
  }
}

template <bool kTransposed>
__device__ __forceinline__ void load_four(const void* row, std::uint32_t (&to)[4]) {
  cuda::load_matrices<kTransposed>(cuda::shared_address(row), to);
}

// Scores of this warp's 16 rows and all 64 keys.
template <typename Element, int kHeadDim>
__device__ void score_tile(const Tile<Element, kHeadDim>& queries,
                           const Tile<Element, kHeadDim>& keys, float (&scores)[8][4]) {
  const int lane = threadIdx.x % 32;
  const int first = threadIdx.x / 32 * 16;
#pragma unroll
  for (auto& block : scores) {
    block[0] = block[1] = block[2] = block[3] = 0.0f;
  }
#pragma unroll
  for (int channel = 0; channel < kHeadDim; channel += 16) {
    std::uint32_t a[4];
    load_four<false>(&queries.rows[first + lane % 16][channel + lane / 16 * 8], a);
#pragma unroll
    for (int pair = 0; pair < 4; ++pair) {
      std::uint32_t b[4];  // two blocks of 8 keys, each of 16 channels
      load_four<false>(&keys.rows[16 * pair + lane / 16 * 8 + lane % 8][channel + lane / 8 % 2 * 8],
                       b);
      multiply(scores[2 * pair], a, b[0], b[1], Element{});
      multiply(scores[2 * pair + 1], a, b[2], b[3], Element{});
    }
  }
}

// The column of this thread's score [n][i].
__device__ __forceinline__ int column_of(int n, int i) {
  return 8 * n + static_cast<int>(threadIdx.x) % 4 * 2 + i % 2;
}

}  // namespace twill::kernels::mma
