// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The online softmax over a warp's 16 rows of scores: thread t holds rows t % 32 / 4 and that + 8;
// scores[4 * i + {0, 1}] are columns 8 * i + 2 * (t % 4) + {0, 1} of the first row and
// scores[4 * i + {2, 3}] those of the second, as mma.sync and wgmma leave them.
#pragma once

#include "ptx.cuh"

namespace twill::kernels::cuda {

// Of kBlocks blocks of 16 rows, two rows of each for a thread. The maximum is a reference point:
// weights are relative to it, and it follows the scores only when they pass it by more than 2^8,
// which fp16 and fp32 sums bear. The blocks go through each step together, for their chains of
// operations do not depend on each other.
template <int kScores, int kBlocks = 1>
class Softmax {
 public:
  using Scores = float[kBlocks][kScores];

  Softmax() = default;
  __device__ explicit Softmax(float factor) : factor_(factor) {
#pragma unroll
    for (int block = 0; block < kBlocks; ++block) {
      maximum_[block][0] = maximum_[block][1] = -kInfinity;
      shrink_[block][0] = shrink_[block][1] = 1.0f;
    }
  }

  // The first scores, of which each row has one that is finite; they become weights. Also step()
  // may take them, where there is something to rescale.
  __device__ __forceinline__ void begin(Scores& scores) {
    row_maxima(scores, maximum_);
    weigh(scores);
  }

  __device__ __forceinline__ void step(Scores& scores) {
    follow(scores);
    weigh(scores);
  }

  // step() in two parts: the maximum of a row first, then the weights, some scores at a time.
  __device__ __forceinline__ void follow(const Scores& scores) {
    float maximum[kBlocks][2];
    row_maxima(scores, maximum);
    constexpr float kSlack = 8.0f;
    bool passes = false;
#pragma unroll
    for (int block = 0; block < kBlocks; ++block) {
      passes = passes || (maximum[block][0] - maximum_[block][0]) * factor_ > kSlack ||
               (maximum[block][1] - maximum_[block][1]) * factor_ > kSlack;
    }
    moved_ = __any_sync(0xffffffffu, passes);
    if (moved_) {
#pragma unroll
      for (int block = 0; block < kBlocks; ++block) {
#pragma unroll
        for (int row = 0; row < 2; ++row) {
          const float next = fmaxf(maximum_[block][row], maximum[block][row]);
          shrink_[block][row] = exp2_approximate((maximum_[block][row] - next) * factor_);
          maximum_[block][row] = next;
          sum_[block][row] *= shrink_[block][row];
        }
      }
    }
  }
  template <int kFirst = 0, int kCount = kScores>
  __device__ __forceinline__ void weigh(Scores& scores) {
    float sums[kBlocks][4] = {};
#pragma unroll
    for (int i = kFirst; i < kFirst + kCount; ++i) {
#pragma unroll
      for (int block = 0; block < kBlocks; ++block) {
        float& score = scores[block][i];
        const float shift = maximum_[block][i / 2 % 2] * factor_;
        score = exp2_approximate(fmaf(score, factor_, -shift));
        sums[block][i % 4] += score;
      }
    }
#pragma unroll
    for (int block = 0; block < kBlocks; ++block) {
      sum_[block][0] += sums[block][0] + sums[block][1];
      sum_[block][1] += sums[block][2] + sums[block][3];
    }
  }

  // What was summed relative to an older maximum.
  template <int kCount>
  __device__ __forceinline__ void rescale(float (&out)[kBlocks][kCount]) const {
    if (moved_) {
#pragma unroll
      for (int block = 0; block < kBlocks; ++block) {
#pragma unroll
        for (int i = 0; i < kCount; ++i) {
          out[block][i] *= shrink_[block][i / 2 % 2];
        }
      }
    }
  }

  __device__ __forceinline__ void finish() {
#pragma unroll
    for (auto& sum : sum_) {
      sum[0] = quad_sum(sum[0]);
      sum[1] = quad_sum(sum[1]);
    }
  }
  __device__ float inverse(int row, int block = 0) const { return 1.0f / sum_[block][row]; }
  __device__ float log_sum(int row, int block = 0) const {
    constexpr float kLn2 = 0.693147180559945f;
    return maximum_[block][row] * factor_ * kLn2 + logf(sum_[block][row]);
  }

 private:
  static __device__ __forceinline__ void row_maxima(const Scores& scores,
                                                    float (&maximum)[kBlocks][2]) {
#pragma unroll
    for (int block = 0; block < kBlocks; ++block) {
      maximum[block][0] = fmaxf(scores[block][0], scores[block][1]);
      maximum[block][1] = fmaxf(scores[block][2], scores[block][3]);
    }
#pragma unroll
    for (int i = 4; i < kScores; i += 4) {
#pragma unroll
      for (int block = 0; block < kBlocks; ++block) {
        const auto& of_block = scores[block];
        maximum[block][0] = fmaxf(maximum[block][0], fmaxf(of_block[i], of_block[i + 1]));
        maximum[block][1] = fmaxf(maximum[block][1], fmaxf(of_block[i + 2], of_block[i + 3]));
      }
    }
#pragma unroll
    for (int block = 0; block < kBlocks; ++block) {
      maximum[block][0] = quad_max(maximum[block][0]);
      maximum[block][1] = quad_max(maximum[block][1]);
    }
  }

  float factor_;
  // Below every score: the first scores of a step always pass it.
  float maximum_[kBlocks][2];
  float sum_[kBlocks][2] = {};
  float shrink_[kBlocks][2];
  bool moved_ = false;
};

}  // namespace twill::kernels::cuda
