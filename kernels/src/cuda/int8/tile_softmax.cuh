// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The softmax of one key tile of 64, from integer scores to weights of 8 bits.
//
// Integer sums arrive as floats: each began at the bits of 1.5 * 2^23, so that a sum below 2^22 is
// the bits of kBase + sum, and no conversion is needed. Weights are relative to the largest score
// of their row in this tile and not to the largest so far, for 8 bits hold only so much; what the
// tile counts among all is a factor of the row.
#pragma once

#include "../ptx.cuh"
#include "layout.h"

namespace twill::kernels::int8 {

inline constexpr float kBase = 12582912.0f;                 // 1.5 * 2^23
inline constexpr std::int32_t kBaseBits = 0x4b400000;       // of kBase
inline constexpr float kWeightBits = 7.99435343685885816f;  // log2(kMostWeight)

// Thread t of a warp holds rows t % 32 / 4 and that + 8 of a block of 16, as softmax.cuh says.
template <int kScores>
class TileSoftmax {
 public:
  // factors: what integer scores of each of the two rows are multiplied with, in base 2.
  // scores: sums that began at kBaseBits.
  __device__ __forceinline__ void follow(const std::int32_t (&scores)[kScores],
                                         const float (&factors)[2]) {
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      // Floats of one sign compare as their bits do.
      std::int32_t most = max(scores[2 * row], scores[2 * row + 1]);
#pragma unroll
      for (int i = 4; i < kScores; i += 4) {
        most = __vimax3_s32(most, scores[i + 2 * row], scores[i + 2 * row + 1]);
      }
      const float largest = cuda::quad_max(__int_as_float(most));
      // Above 4 one unit of a score is 16 times the weight of the next, and rounding the shift up
      // must not round the largest weight to 0.
      factor_[row] = fminf(factors[row], 4.0f);
      // Rounded up, so that no weight passes kMostWeight: 256 would be 0 in a byte.
      shift_[row] = __fadd_ru(__fmul_ru(largest, factor_[row]), -kWeightBits);
    }
  }

  // After follow(). packed: weights of four keys a word, in the order of place_of_key().
  __device__ __forceinline__ void weigh(const std::int32_t (&scores)[kScores],
                                        std::uint32_t (&packed)[kScores / 4]) const {
#pragma unroll
    for (int group = 0; group < kScores / 8; ++group) {
      weigh_group(group, scores, packed);
    }
  }
  // Of 16 keys.
  __device__ __forceinline__ void weigh_group(int group, const std::int32_t (&scores)[kScores],
                                              std::uint32_t (&packed)[kScores / 4]) const {
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      std::uint32_t pairs[2];
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const std::int32_t* score = &scores[8 * group + 4 * i + 2 * row];
        pairs[i] = rounded(weight(score[0], row), weight(score[1], row));
      }
      packed[2 * group + row] = __byte_perm(pairs[0], pairs[1], 0x6420);
    }
  }

  // After follow(): by how much this tile's largest score passes the largest so far, which all
  // lanes answer alike. That one follows only by more than 2^8, which the sums bear.
  static constexpr float kMostAbove = 8.0f;
  __device__ __forceinline__ float above() const {
    return fmaxf(tile_maximum(0) - maximum_[0], tile_maximum(1) - maximum_[1]);
  }
  // shrink: what was summed so far is multiplied with it.
  __device__ __forceinline__ void move(float (&shrink)[2]) {
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      const float next = fmaxf(maximum_[row], tile_maximum(row));
      shrink[row] = cuda::exp2_approximate(maximum_[row] - next);
      maximum_[row] = next;
      sum_[row] *= shrink[row];
    }
  }
  // The factor of this tile's weights.
  __device__ __forceinline__ float share(int row) const {
    return cuda::exp2_approximate(tile_maximum(row) - maximum_[row]);
  }
  // total: of this tile's weights, in units of 1 / kMostWeight.
  __device__ __forceinline__ void add(int row, float share, float total) {
    sum_[row] = fmaf(share, total, sum_[row]);
  }

  __device__ float inverse(int row) const { return 1.0f / sum_[row]; }
  // offset: what smoothing took from the row's scores, in base 2.
  __device__ float log_sum(int row, float offset) const {
    constexpr float kLn2 = 0.693147180559945f;
    return (maximum_[row] + offset) * kLn2 + logf(sum_[row] / kMostWeight);
  }

 private:
  // What weights of kMostWeight stand for, in base 2: by the rounded shift, which the weights have.
  __device__ __forceinline__ float tile_maximum(int row) const {
    return fmaf(-kBase, factor_[row], shift_[row]) + kWeightBits;
  }
  __device__ __forceinline__ float weight(std::int32_t score, int row) const {
    return cuda::exp2_approximate(fmaf(__int_as_float(score), factor_[row], -shift_[row]));
  }
  // Two weights as integers in the low bytes of the halves of a word: the sums with 1024 have the
  // bits of 1024 and the integer in them.
  static __device__ __forceinline__ std::uint32_t rounded(float low, float high) {
    constexpr std::uint32_t kHalves1024 = 0x64006400u;
    const std::uint32_t pair = cuda::pack_pair(low, high, cuda::F16{});
    std::uint32_t sum;
    asm("add.rn.f16x2 %0, %1, %2;" : "=r"(sum) : "r"(pair), "r"(kHalves1024));
    return sum;
  }

  float factor_[2];
  float shift_[2];
  float maximum_[2] = {-cuda::kInfinity, -cuda::kInfinity};
  float sum_[2] = {0.0f, 0.0f};
};

}  // namespace twill::kernels::int8
