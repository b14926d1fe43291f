// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The online softmax over a warp's 16 rows, which hold scores as softmax.cuh has them, beside
// tensor cores that must not wait for it.
#pragma once

#include "../ptx.cuh"

namespace twill::kernels::sm90 {

// The largest sum of a row's weights in one step that a thread may hold: each weight must be an
// Element, and times a value it must not pass what fp32 sums bear.
__device__ constexpr float largest_sum(cuda::Bf16) { return 0x1p48f; }
__device__ constexpr float largest_sum(cuda::F16) { return 0x1p15f; }

// Weights are relative to the largest of the first scores, and no later score is compared with it:
// what its weights sum up to tells whether that will do. Most scores of an attention head do not
// pass the first ones by more than largest_sum() allows, and where some do, step() says so before
// anything is lost.
template <typename Element, int kScores>
class RowSoftmax {
 public:
  using Scores = float[kScores];

  __device__ explicit RowSoftmax(float factor) : factor_(factor) {}

  // The first scores, of which each row has one that is finite; they become weights.
  __device__ __forceinline__ void begin(Scores& scores) {
    row_maxima(scores, maximum_);
    weigh(scores, sum_);
  }

  // The next scores; they become weights. False where these are too large (or not a number): then
  // the scores are lost, and all else is as it was.
  __device__ __forceinline__ bool step(Scores& scores) {
    float sum[2] = {0.0f, 0.0f};
    weigh(scores, sum);
    constexpr float kMost = largest_sum(Element{});
    if (!__all_sync(0xffffffffu, sum[0] <= kMost && sum[1] <= kMost)) {
      return false;
    }
    sum_[0] += sum[0];
    sum_[1] += sum[1];
    return true;
  }

  // The scores that step() could not take, once more: the maxima move, and so does what was summed
  // relative to the older ones.
  template <int kCount>
  __device__ __forceinline__ void follow(Scores& scores, float (&out)[kCount]) {
    float next[2];
    row_maxima(scores, next);
    float shrink[2];
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      next[row] = fmaxf(maximum_[row], next[row]);
      shrink[row] = cuda::exp2_approximate((maximum_[row] - next[row]) * factor_);
      maximum_[row] = next[row];
      sum_[row] *= shrink[row];
    }
    weigh(scores, sum_);
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      out[i] *= shrink[i / 2 % 2];
    }
  }

  __device__ __forceinline__ void finish() {
    sum_[0] = cuda::quad_sum(sum_[0]);
    sum_[1] = cuda::quad_sum(sum_[1]);
  }
  __device__ float inverse(int row) const { return 1.0f / sum_[row]; }
  __device__ float log_sum(int row) const {
    constexpr float kLn2 = 0.693147180559945f;
    return maximum_[row] * factor_ * kLn2 + logf(sum_[row]);
  }

 private:
  // Exponentials are what takes long: one of a warp is begun in eight cycles. All else should go
  // between them, but the compiler moves the multiply-adds of all scores to the front, where they
  // wait for registers that the tensor cores read. So those of kChunk scores depend on sums of the
  // chunk before, but for its last kAhead scores.
  __device__ __forceinline__ void weigh(Scores& scores, float (&sum)[2]) const {
    constexpr int kChunk = 16;
    constexpr int kAhead = 4;
    float sums[2] = {0.0f, 0.0f};
    float factor[2] = {factor_, factor_};
    float upcoming[2] = {factor_, factor_};
#pragma unroll
    for (int i = 0; i < kScores; ++i) {
      const int row = i / 2 % 2;
      if (i % kChunk == 0) {
        factor[0] = upcoming[0];
        factor[1] = upcoming[1];
      }
      scores[i] = cuda::exp2_approximate(fmaf(scores[i], factor[row], -(maximum_[row] * factor_)));
      sums[row] += scores[i];
      if (i % kChunk == kChunk - kAhead - 1) {
        upcoming[0] = fmaf(sums[0], 0.0f, factor[0]);
        upcoming[1] = fmaf(sums[1], 0.0f, factor[1]);
      }
    }
    sum[0] += sums[0];
    sum[1] += sums[1];
  }

  static __device__ __forceinline__ void row_maxima(const Scores& scores, float (&maximum)[2]) {
    maximum[0] = fmaxf(scores[0], scores[1]);
    maximum[1] = fmaxf(scores[2], scores[3]);
#pragma unroll
    for (int i = 4; i < kScores; i += 4) {
      maximum[0] = fmaxf(maximum[0], fmaxf(scores[i], scores[i + 1]));
      maximum[1] = fmaxf(maximum[1], fmaxf(scores[i + 2], scores[i + 3]));
    }
    maximum[0] = cuda::quad_max(maximum[0]);
    maximum[1] = cuda::quad_max(maximum[1]);
  }

  float factor_;
  float maximum_[2];
  float sum_[2] = {0.0f, 0.0f};
};

}  // namespace twill::kernels::sm90
