// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A warp's 16 rows on their way to memory. Accumulators lie as softmax.cuh has the scores.
#pragma once

#include "elements.cuh"
#include "layer_view.h"
#include "work.cuh"

namespace twill::kernels::cuda {

// The 16 query rows of a warp: positions first .. first + 15 of a token order.
template <typename Element, int kHeadDim>
class OutputRows {
 public:
  // first_row: of the query tile.
  __device__ OutputRows(const CallArgs& args, const Item& item, std::int32_t first_row)
      : args_(args),
        item_(item),
        out_(static_cast<Element*>(args.out) + item.batch * args.out_batch +
             item.head * args.out_head) {
    const std::int32_t* positions =
        item.positions != 0 ? args.layer.image + item.positions : nullptr;
    const std::int32_t tokens = args.layer.tokens;
    const std::int32_t first = item.query_tile * kQueryTile + first_row;
    const auto lane = static_cast<std::int32_t>(threadIdx.x % 32);
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      const std::int32_t position = first + lane / 4 + 8 * row;
      token_[row] = position >= tokens ? -1 : positions != nullptr ? positions[position] : position;
    }
  }

  // Accumulators times a factor per row. Each group of four threads trades its columns so that a
  // thread stores 16 bytes and the group 64 in a row.
  __device__ void store(const float* values, float first_factor, float second_factor) const {
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
          Element* to = out_ + token_[row] * args_.out_token + 32 * block + 8 * quad;
          *reinterpret_cast<uint4*>(to) = {words[0], words[1], words[2], words[3]};
        }
      }
    }
  }

  // Logarithms of the sums, where they are wanted.
  __device__ void store_lse(float first, float second) const {
    if (args_.lse == nullptr || threadIdx.x % 4 != 0) {
      return;
    }
    float* to = args_.lse + head_row() * args_.layer.tokens;
    if (token_[0] >= 0) {
      to[token_[0]] = first;
    }
    if (token_[1] >= 0) {
      to[token_[1]] = second;
    }
  }

  // Of heads without keys, and query tiles whose list is empty.
  __device__ void store_constant() const {
    const bool mean = item_.mode == static_cast<std::int32_t>(HeadMode::kMean);
    float out[kHeadDim / 2];
    const float share = 1.0f / static_cast<float>(args_.layer.tokens);
#pragma unroll
    for (int i = 0; i < kHeadDim / 2; i += 4) {
      float2 sum = {0.0f, 0.0f};
      if (mean) {
        const float* sums =
            args_.mean_sums + head_row() * kMeanChunks * kHeadDim + 2 * i + threadIdx.x % 4 * 2;
        for (int chunk = 0; chunk < kMeanChunks; ++chunk) {
          const float2 part = *reinterpret_cast<const float2*>(sums + chunk * kHeadDim);
          sum = {sum.x + part.x, sum.y + part.y};
        }
      }
      out[i] = out[i + 2] = sum.x * share;
      out[i + 1] = out[i + 3] = sum.y * share;
    }
    store(out, 1.0f, 1.0f);
    const float lse = mean ? logf(static_cast<float>(args_.layer.tokens)) : -kInfinity;
    store_lse(lse, lse);
  }

 private:
  __device__ std::int64_t head_row() const {
    return static_cast<std::int64_t>(item_.batch) * args_.layer.heads + item_.head;
  }
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

  const CallArgs& args_;
  const Item& item_;
  Element* out_;
  std::int32_t token_[2];
};

}  // namespace twill::kernels::cuda
