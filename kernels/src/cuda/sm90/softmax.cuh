// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The online softmax of a warp group's accumulators (wgmma.cuh has their order), and rows on their
// way to memory.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cmath>
#include <cstdint>

#include "ptx.cuh"

namespace twill::kernels::sm90 {

__device__ __forceinline__ std::uint32_t pack_pair(float low, float high, __nv_bfloat16) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const std::uint32_t*>(&pair);
}
__device__ __forceinline__ std::uint32_t pack_pair(float low, float high, __half) {
  const __half2 pair = __floats2half2_rn(low, high);
  return *reinterpret_cast<const std::uint32_t*>(&pair);
}
template <typename Element, int kCount>
__device__ __forceinline__ void pack(const float (&from)[kCount], std::uint32_t (&to)[kCount / 2]) {
#pragma unroll
  for (int i = 0; i < kCount / 2; ++i) {
    to[i] = pack_pair(from[2 * i], from[2 * i + 1], Element{});
  }
}

// Over the four threads that share a row.
__device__ __forceinline__ float quad_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 1));
  return fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 2));
}
__device__ __forceinline__ float quad_sum(float x) {
  x += __shfl_xor_sync(0xffffffffu, x, 1);
  return x + __shfl_xor_sync(0xffffffffu, x, 2);
}

// Two rows of each thread. The maximum is a reference point: weights are relative to it, and it
// follows the scores only when they pass it by more than 2^8, which fp16 and fp32 sums bear.
template <int kScores>
class Softmax {
 public:
  __device__ explicit Softmax(float factor) : factor_(factor) {}

  // The first scores; they become weights.
  __device__ __forceinline__ void begin(float (&scores)[kScores]) {
    row_maxima(scores, maximum_);
    weigh(scores);
  }

  __device__ __forceinline__ void step(float (&scores)[kScores]) {
    float maximum[2];
    row_maxima(scores, maximum);
    constexpr float kSlack = 8.0f;
    const bool passes = (maximum[0] - maximum_[0]) * factor_ > kSlack ||
                        (maximum[1] - maximum_[1]) * factor_ > kSlack;
    moved_ = __any_sync(0xffffffffu, passes);
    if (moved_) {
#pragma unroll
      for (int row = 0; row < 2; ++row) {
        const float next = fmaxf(maximum_[row], maximum[row]);
        shrink_[row] = exp2_approximate((maximum_[row] - next) * factor_);
        maximum_[row] = next;
        sum_[row] *= shrink_[row];
      }
    }
    weigh(scores);
  }

  // What was summed relative to an older maximum.
  template <int kCount>
  __device__ __forceinline__ void rescale(float (&out)[kCount]) const {
    if (moved_) {
#pragma unroll
      for (int i = 0; i < kCount; ++i) {
        out[i] *= shrink_[i / 2 % 2];
      }
    }
  }

  __device__ __forceinline__ void finish() {
    sum_[0] = quad_sum(sum_[0]);
    sum_[1] = quad_sum(sum_[1]);
  }
  __device__ float inverse(int row) const { return 1.0f / sum_[row]; }
  __device__ float log_sum(int row) const {
    constexpr float kLn2 = 0.693147180559945f;
    return maximum_[row] * factor_ * kLn2 + logf(sum_[row]);
  }

 private:
  static __device__ __forceinline__ void row_maxima(const float (&scores)[kScores],
                                                    float (&maximum)[2]) {
    maximum[0] = fmaxf(scores[0], scores[1]);
    maximum[1] = fmaxf(scores[2], scores[3]);
#pragma unroll
    for (int i = 4; i < kScores; i += 4) {
      maximum[0] = fmaxf(maximum[0], fmaxf(scores[i], scores[i + 1]));
      maximum[1] = fmaxf(maximum[1], fmaxf(scores[i + 2], scores[i + 3]));
    }
    maximum[0] = quad_max(maximum[0]);
    maximum[1] = quad_max(maximum[1]);
  }

  __device__ __forceinline__ void weigh(float (&scores)[kScores]) {
    const float shift[2] = {maximum_[0] * factor_, maximum_[1] * factor_};
    float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll
    for (int i = 0; i < kScores; ++i) {
      scores[i] = exp2_approximate(fmaf(scores[i], factor_, -shift[i / 2 % 2]));
      sums[i % 4] += scores[i];
    }
    sum_[0] += sums[0] + sums[1];
    sum_[1] += sums[2] + sums[3];
  }

  float factor_;
  float maximum_[2];
  float sum_[2] = {0.0f, 0.0f};
  float shrink_[2] = {1.0f, 1.0f};
  bool moved_ = false;
};

// The 16 query rows of a warp: positions first .. first + 15 of a token order.
template <typename Element, int kHeadDim>
class OutputRows {
 public:
  __device__ OutputRows(Element* out, std::int64_t token_stride, const std::int32_t* positions,
                        std::int32_t tokens, std::int32_t first)
      : out_(out), stride_(token_stride) {
    const auto lane = static_cast<std::int32_t>(threadIdx.x % 32);
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      const std::int32_t position = first + lane / 4 + 8 * row;
      token_[row] = position >= tokens ? -1 : positions != nullptr ? positions[position] : position;
    }
  }

  // Accumulators times a factor per row. Each group of four threads trades its columns so that a
  // thread stores 16 bytes and the group 64 in a row.
  __device__ void store(float (&values)[kHeadDim / 2], float first_factor,
                        float second_factor) const {
    const auto quad = static_cast<int>(threadIdx.x % 4);
    const float factor[2] = {first_factor, second_factor};
#pragma unroll
    for (int block = 0; block < kHeadDim / 32; ++block) {
#pragma unroll
      for (int row = 0; row < 2; ++row) {
        std::uint32_t words[4];
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int at = 16 * block + 4 * i + 2 * row;
          words[i] = pack_pair(values[at] * factor[row], values[at + 1] * factor[row], Element{});
        }
        transpose(words, quad);
        if (token_[row] >= 0) {
          Element* to = out_ + token_[row] * stride_ + 32 * block + 8 * quad;
          *reinterpret_cast<uint4*>(to) = {words[0], words[1], words[2], words[3]};
        }
      }
    }
  }

  // By one thread of each four.
  __device__ void store_scalar(float* to, float first, float second) const {
    if (token_[0] >= 0) {
      to[token_[0]] = first;
    }
    if (token_[1] >= 0) {
      to[token_[1]] = second;
    }
  }

 private:
  // words[i] of thread j becomes words[j] of thread i, within four threads.
  static __device__ __forceinline__ void transpose(std::uint32_t (&words)[4], int quad) {
    exchange(words[0], words[1], 1, quad & 1);
    exchange(words[2], words[3], 1, quad & 1);
    exchange(words[0], words[2], 2, quad & 2);
    exchange(words[1], words[3], 2, quad & 2);
  }
  static __device__ __forceinline__ void exchange(std::uint32_t& low, std::uint32_t& high,
                                                  int distance, bool upper) {
    const std::uint32_t got = __shfl_xor_sync(0xffffffffu, upper ? low : high, distance);
    (upper ? low : high) = got;
  }

  Element* out_;
  std::int64_t stride_;
  std::int32_t token_[2];
};

}  // namespace twill::kernels::sm90
