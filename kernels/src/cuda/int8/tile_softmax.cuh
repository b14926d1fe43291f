// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The softmax of one key tile of 64, from integer scores to weights of 8 bits.
//
// Integer sums arrive as floats: each began at the bits of 1.5 * 2^23, so that a sum below 2^22 is
// the bits of kBase + sum, and no conversion is needed. Weights are relative to the largest score
// of their row in this tile and not to the largest so far, for 8 bits hold only so much; what the
// tile counts among all is a factor of the row.
#pragma once

#include <cmath>
#include <cstdint>

#include "../ptx.cuh"
#include "layout.h"

namespace twill::kernels::int8 {

inline constexpr float kBase = 12582912.0f;            // 1.5 * 2^23
inline constexpr std::int32_t kBaseBits = 0x4b400000;  // of kBase
// Times a float below 1, the bits of the product are the float times 255, rounded: it is denormal.
inline constexpr float kWeightUnit = 255 * 1.40129846432481707e-45f;  // 255 * 2^-149

// Thread t of a warp holds rows t % 32 / 4 and that + 8 of a block of 16, as softmax.cuh says.
template <int kScores>
class TileSoftmax {
 public:
  // factors: what integer scores of each of the two rows are multiplied with, in base 2.
  // scores: as sums that began at kBaseBits, and -infinity for keys that are none. packed: weights
  // of four keys a word, in the order of place_of_key().
  __device__ __forceinline__ void step(const float (&scores)[kScores], const float (&factors)[2],
                                       std::uint32_t (&packed)[kScores / 4]) {
    float shift[2];
    float factor[2];
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      float most = fmaxf(scores[2 * row], scores[2 * row + 1]);
#pragma unroll
      for (int i = 4; i < kScores; i += 4) {
        most = fmaxf(most, fmaxf(scores[i + 2 * row], scores[i + 2 * row + 1]));
      }
      most = cuda::quad_max(most);
      // A score of -infinity times 0 is not a number. Above 4 one unit of a score is 16 times the
      // weight of the next, and rounding the shift up must not round the largest weight to 0.
      factor[row] = fminf(fmaxf(factors[row], 1e-30f), 4.0f);
      // Rounded up, so that no weight passes 1.
      shift[row] = __fmul_ru(most, factor[row]);
      tile_maximum_[row] = (most - kBase) * factor[row];
    }
#pragma unroll
    for (int group = 0; group < kScores / 8; ++group) {
#pragma unroll
      for (int row = 0; row < 2; ++row) {
        float weights[4];
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const float score = scores[8 * group + 4 * (i / 2) + 2 * row + i % 2];
          weights[i] = cuda::exp2_approximate(fmaf(score, factor[row], -shift[row])) * kWeightUnit;
        }
        // Bytes as denormal floats, which add up exactly.
        const float low = fmaf(weights[1], 256.0f, weights[0]);
        const float high = fmaf(weights[3], 256.0f, weights[2]);
        packed[2 * group + row] = __byte_perm(__float_as_uint(low), __float_as_uint(high), 0x5410);
      }
    }
  }

  // After step(): whether the largest score so far moves, which all lanes answer alike. It follows
  // only by more than 2^8, which the sums bear.
  __device__ __forceinline__ bool passes() const {
    return tile_maximum_[0] - maximum_[0] > 8.0f || tile_maximum_[1] - maximum_[1] > 8.0f;
  }
  // shrink: what was summed so far is multiplied with it.
  __device__ __forceinline__ void move(float (&shrink)[2]) {
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      const float next = fmaxf(maximum_[row], tile_maximum_[row]);
      shrink[row] = cuda::exp2_approximate(maximum_[row] - next);
      maximum_[row] = next;
      sum_[row] *= shrink[row];
    }
  }
  // The factor of this tile's weights.
  __device__ __forceinline__ float share(int row) const {
    return cuda::exp2_approximate(tile_maximum_[row] - maximum_[row]);
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
  float tile_maximum_[2];
  float maximum_[2] = {-INFINITY, -INFINITY};
  float sum_[2] = {0.0f, 0.0f};
};

}  // namespace twill::kernels::int8
