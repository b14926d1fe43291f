// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Block-sparse attention forward with both products in 8-bit integers: mma.sync, ldmatrix and
// cp.async, on every NVIDIA GPU since sm_80. The walk is that of the portable kernel: a block stays
// on its multiprocessor and takes query tiles; its warps share the keys and values that all of them
// copy to shared memory, some tiles ahead.
#pragma once

#include "../key_tiles.cuh"
#include "../output_rows.cuh"
#include "../ptx.cuh"
#include "../work.cuh"
#include "attention_args.h"
#include "tile_softmax.cuh"

namespace twill::kernels::int8 {

using cuda::Item;
using cuda::load_matrices;
using cuda::shared_address;

// Element: of the output. kBlocks: on a multiprocessor, which bounds the registers.
template <typename ElementT, int kHeadDimT, int kWarpsT, int kStagesT, int kBlocksT>
struct Shape {
  using Element = ElementT;
  static constexpr int kHeadDim = kHeadDimT;
  static constexpr int kThreads = 32 * kWarpsT;
  static constexpr int kRowBlocks = kQueryTile / 16 / kWarpsT;  // of 16 rows of a warp
  static constexpr int kStages = kStagesT;
  static constexpr int kBlocks = kBlocksT;

  static constexpr int kPieces = kHeadDim / 16;  // of 16 bytes, of a row of queries or keys
  static constexpr int kQueryBytes = kQueryTile * kHeadDim;
  static constexpr int kKeyBytes = kKeyTile * kHeadDim;
  static constexpr int kTileBytes = 2 * kKeyBytes + kKeyTile + static_cast<int>(sizeof(TileScales));
  static constexpr int kStageBytes = 2 * kKeyBytes + 128;
  static constexpr int kRowsBegin = kQueryBytes;  // RowScale
  static constexpr int kRowsBytes = kQueryTile * static_cast<int>(sizeof(RowScale));
  static constexpr int kStepsBegin = kRowsBegin + kRowsBytes;
  static constexpr int kControlBegin = kStepsBegin + kStages * kStageBytes;
  static constexpr int kControlBytes = 128;
  static constexpr int kSharedBytes = kControlBegin + kControlBytes;
  static_assert(16 * kWarpsT * kRowBlocks == kQueryTile && kHeadDim % 32 == 0);
};

template <typename S>
class Attention {
 public:
  __device__ Attention(const AttentionArgs& args, unsigned char* shared)
      : args_(args),
        shared_(shared_address(shared)),
        control_(*reinterpret_cast<Control*>(shared + S::kControlBegin)) {}

  __device__ void run() {
    publish_next(0);
    __syncthreads();
    for (int slot = 0;; slot ^= 1) {
      const Item& item = control_.items[slot];
      if (item.mode < 0) {
        return;
      }
      if (item.key_tiles > 0) {
        attend(item, slot ^ 1);
      } else {
        publish_next(slot ^ 1);
        for (int block = 0; block < S::kRowBlocks; ++block) {
          rows_of(item, block).store_constant();
        }
      }
      __syncthreads();
    }
  }

 private:
  using Rows = cuda::OutputRows<typename S::Element, S::kHeadDim>;
  static constexpr int kScores = kKeyTile / 2;  // of a thread and row block
  static constexpr int kWords = kScores / 4;    // of their weights
  using Softmax = TileSoftmax<kScores>;

  // What every thread needs now and then is kept for all of them, not in registers.
  struct Control {
    Item items[2];
    const std::uint8_t* keys;  // of the head
  };
  static_assert(sizeof(Control) <= S::kControlBytes);

  // Finding an item is a chain of reads: one warp does it while the first keys are on their way.
  __device__ void publish_next(int slot) {
    if (threadIdx.x >= 32) {
      return;
    }
    std::int32_t number = 0;
    if (threadIdx.x == 0) {
      number = atomicAdd(args_.call.next_item, 1);
    }
    number = __shfl_sync(0xffffffffu, number, 0);
    const Item item = cuda::WorkList<Precision::kInt8>(args_.call.layer).find(number);
    if (threadIdx.x == 0) {
      control_.items[slot] = item;
    }
  }

  __device__ static std::uint32_t first_row_of(int block) {
    return (threadIdx.x / 32 * S::kRowBlocks + block) * 16;
  }
  __device__ Rows rows_of(const Item& item, int block) const {
    return Rows(args_.call, item, static_cast<std::int32_t>(first_row_of(block)));
  }
  __device__ std::int64_t place_of_head(const Item& item) const {
    return static_cast<std::int64_t>(item.batch) * args_.heads.heads + item.gathered;
  }
  __device__ Layout layout() const {
    return {.tokens = args_.call.layer.tokens, .head_dim = S::kHeadDim};
  }

  // What lies in memory as it is to lie in shared memory.
  template <int kBytes>
  __device__ __forceinline__ static void copy(const std::uint8_t* from, std::uint32_t to) {
    constexpr int kRound = 16 * S::kThreads;
    from += 16 * threadIdx.x;
    to += 16 * threadIdx.x;
#pragma unroll
    for (int at = 0; at + kRound <= kBytes; at += kRound) {
      cuda::copy_async(to + at, from + at);
    }
    constexpr int kWhole = kBytes / kRound * kRound;
    if (kWhole < kBytes && 16 * threadIdx.x < kBytes - kWhole) {
      cuda::copy_async(to + kWhole, from + kWhole);
    }
  }

  __device__ __forceinline__ void copy_tile(cuda::KeyTiles& tiles, const Item& item,
                                            std::uint32_t to) const {
    const std::int64_t tile = tiles.next(args_.call.layer.image, item);
    copy<S::kTileBytes>(control_.keys + tile * S::kTileBytes, to);
  }

  // Where a lane reads of a block of 16 rows of queries or keys, from the place of the first 32
  // channels on.
  __device__ __forceinline__ static std::uint32_t in_chunk(std::uint32_t place, int chunk) {
    constexpr bool kMasksLowBitOnly = S::kPieces == 6;
    return kMasksLowBitOnly ? place + 32 * chunk : place ^ (32 * chunk);
  }

  // scores = q k^T of a tile, as sums that begin at kBaseBits.
  __device__ __forceinline__ void score(std::uint32_t queries_at, std::uint32_t keys_at,
                                        std::int32_t (&scores)[S::kRowBlocks][kScores]) const {
    const std::int32_t base[4] = {kBaseBits, kBaseBits, kBaseBits, kBaseBits};
#pragma unroll
    for (int chunk = 0; chunk < S::kHeadDim / 32; ++chunk) {
      std::uint32_t queries[S::kRowBlocks][4];
#pragma unroll
      for (int block = 0; block < S::kRowBlocks; ++block) {
        load_matrices(in_chunk(queries_at, chunk) + 16 * block * S::kHeadDim, queries[block]);
      }
#pragma unroll
      for (int pair = 0; pair < kKeyTile / 16; ++pair) {
        std::uint32_t k[4];  // two blocks of 8 keys, each of 32 channels
        load_matrices(in_chunk(keys_at, chunk) + 16 * pair * S::kHeadDim, k);
#pragma unroll
        for (int block = 0; block < S::kRowBlocks; ++block) {
          std::int32_t* low = &scores[block][8 * pair];
          std::int32_t* high = low + 4;
          cuda::multiply_s8(low, queries[block], k[0], k[1], chunk == 0 ? base : low);
          cuda::multiply_s8(high, queries[block], k[2], k[3], chunk == 0 ? base : high);
        }
      }
    }
  }

  // Sums of a tile are added with the base that they began at, which is taken away again now and
  // then: before it costs the sums more digits than 8-bit factors have.
  static constexpr int kTilesOfBase = 4;
  __device__ __forceinline__ static void take_base(float (&base)[S::kRowBlocks][2],
                                                   float (&out)[S::kRowBlocks][S::kHeadDim / 2]) {
#pragma unroll
    for (int block = 0; block < S::kRowBlocks; ++block) {
      const float taken[2] = {base[block][0] * kBase, base[block][1] * kBase};
#pragma unroll
      for (int i = 0; i < S::kHeadDim / 2; ++i) {
        out[block][i] -= taken[i / 2 % 2];
      }
      base[block][0] = base[block][1] = 0.0f;
    }
  }

  // out += shares (base + weights v) of a tile.
  __device__ __forceinline__ void add_values(std::uint32_t values_at,
                                             const std::uint32_t (&weights)[S::kRowBlocks][kWords],
                                             const float (&shares)[S::kRowBlocks][2],
                                             float (&out)[S::kRowBlocks][S::kHeadDim / 2]) const {
    const std::int32_t base[4] = {kBaseBits, kBaseBits, kBaseBits, kBaseBits};
#pragma unroll
    for (int channels = 0; channels < S::kHeadDim / 8; ++channels) {
      std::uint32_t v[4];  // 64 keys of 8 channels
      load_matrices(values_at + 8 * channels * kKeyTile, v);
#pragma unroll
      for (int block = 0; block < S::kRowBlocks; ++block) {
        std::int32_t sums[4];
        cuda::multiply_u8(sums, &weights[block][0], v[0], v[1], base);
        cuda::multiply_u8(sums, &weights[block][4], v[2], v[3], sums);
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          float& to = out[block][4 * channels + i];
          to = fmaf(__int_as_float(sums[i]), shares[block][i / 2], to);
        }
      }
    }
  }

  // Sums of a row block's weights by a product with ones, of both rows of this thread.
  __device__ __forceinline__ static void total(const std::uint32_t (&ones)[4],
                                               const std::uint32_t (&weights)[kWords],
                                               float (&totals)[2]) {
    const std::int32_t base[4] = {kBaseBits, kBaseBits, kBaseBits, kBaseBits};
    std::int32_t sums[4];
    cuda::multiply_u8(sums, &weights[0], ones[0], ones[1], base);
    cuda::multiply_u8(sums, &weights[4], ones[2], ones[3], sums);
    totals[0] = __int_as_float(sums[0]) - kBase;
    totals[1] = __int_as_float(sums[2]) - kBase;
  }

  __device__ void attend(const Item& item, int next_slot) {
    const std::int64_t head = place_of_head(item);
    if (threadIdx.x == 0) {
      control_.keys = args_.heads.keys + head * layout().key_bytes();
    }
    __syncthreads();
    cuda::KeyTiles tiles(args_.call.layer.image, item);
    copy<S::kQueryBytes>(args_.heads.queries + head * layout().query_bytes() +
                             static_cast<std::int64_t>(item.query_tile) * S::kQueryBytes,
                         shared_);
    copy<S::kRowsBytes>(
        reinterpret_cast<const std::uint8_t*>(args_.heads.rows + head * layout().row_scales() +
                                              item.query_tile * kQueryTile),
        shared_ + S::kRowsBegin);
#pragma unroll
    for (int step = 0; step + 1 < S::kStages; ++step) {
      if (step < item.key_tiles) {
        copy_tile(tiles, item, shared_ + S::kStepsBegin + step * S::kStageBytes);
      }
      cuda::copy_async_commit();  // a group for each tile, also an empty one: waits count groups
    }
    publish_next(next_slot);

    Softmax softmax[S::kRowBlocks];
    float base[S::kRowBlocks][2] = {};  // shares whose base is in out
    float out[S::kRowBlocks][S::kHeadDim / 2];
#pragma unroll
    for (auto& of_block : out) {
#pragma unroll
      for (float& value : of_block) {
        value = 0.0f;
      }
    }
    const std::uint32_t lane = threadIdx.x % 32;
    const std::uint32_t queries_at =
        shared_ + place_of<S::kPieces>(first_row_of(0) + lane % 16, lane / 16);
    const std::uint32_t keys_at = place_of<S::kPieces>(lane / 16 * 8 + lane % 8, lane / 8 % 2);
    const std::uint32_t values_at = S::kKeyBytes + place_of<4>(lane % 8, lane / 8);
    const std::uint32_t ones_at = 2 * S::kKeyBytes + 16 * (lane / 8);
    std::uint32_t stage = shared_ + S::kStepsBegin;
    for (std::int32_t left = item.key_tiles; left > 0; --left) {
      cuda::copy_async_wait<S::kStages - 2>();
      __syncthreads();
      const float2 scales =
          cuda::load_shared_pair(stage + 2 * S::kKeyBytes + kKeyTile);  // TileScales
      std::int32_t scores[S::kRowBlocks][kScores];
      score(queries_at, stage + keys_at, scores);
      bool passes = false;
#pragma unroll
      for (int block = 0; block < S::kRowBlocks; ++block) {
        const float factors[2] = {cuda::load_shared(row_scale_at(block, 0)) * scales.x,
                                  cuda::load_shared(row_scale_at(block, 1)) * scales.x};
        softmax[block].follow(scores[block], factors);
        passes = passes || softmax[block].passes();
      }
      if (__any_sync(0xffffffffu, passes)) {
#pragma unroll
        for (int block = 0; block < S::kRowBlocks; ++block) {
          float shrink[2];
          softmax[block].move(shrink);
          base[block][0] *= shrink[0];
          base[block][1] *= shrink[1];
#pragma unroll
          for (int i = 0; i < S::kHeadDim / 2; ++i) {
            out[block][i] *= shrink[i / 2 % 2];
          }
        }
      }
      // All have done with the tile before this one: its place is free.
      if (left >= S::kStages) {
        constexpr std::uint32_t kLast = (S::kStages - 1) * S::kStageBytes;
        const bool is_first = stage == shared_ + S::kStepsBegin;
        copy_tile(tiles, item, is_first ? stage + kLast : stage - S::kStageBytes);
      }
      cuda::copy_async_commit();
      std::uint32_t weights[S::kRowBlocks][kWords];
      std::uint32_t ones[4];
      load_matrices(stage + ones_at, ones);
      float shares[S::kRowBlocks][2];
#pragma unroll
      for (int block = 0; block < S::kRowBlocks; ++block) {
        softmax[block].weigh(scores[block], weights[block]);
        float totals[2];
        total(ones, weights[block], totals);
#pragma unroll
        for (int row = 0; row < 2; ++row) {
          const float share = softmax[block].share(row);
          softmax[block].add(row, share, totals[row]);
          shares[block][row] = share * scales.y;
          base[block][row] += shares[block][row];
        }
      }
      add_values(stage + values_at, weights, shares, out);
      if (left % kTilesOfBase == 1) {
        take_base(base, out);
      }
      stage += S::kStageBytes;
      stage = stage == shared_ + S::kControlBegin ? shared_ + S::kStepsBegin : stage;
    }
    finish(item, softmax, out);
  }

  // Of one of the two rows that this thread has in a block.
  __device__ std::uint32_t row_scale_at(int block, int row) const {
    return shared_ + S::kRowsBegin +
           (first_row_of(block) + threadIdx.x % 32 / 4 + 8 * row) * sizeof(RowScale);
  }

  // Values were centred and divided by the unit of their channel.
  __device__ void finish(const Item& item, Softmax (&softmax)[S::kRowBlocks],
                         float (&out)[S::kRowBlocks][S::kHeadDim / 2]) const {
    const float* channels = args_.heads.channels + place_of_head(item) * layout().channel_floats() +
                            S::kHeadDim + threadIdx.x % 4 * 2;
#pragma unroll
    for (int block = 0; block < S::kRowBlocks; ++block) {
      const float inverse[2] = {softmax[block].inverse(0), softmax[block].inverse(1)};
#pragma unroll
      for (int i = 0; i < S::kHeadDim / 2; i += 4) {
        const float2 mean = *reinterpret_cast<const float2*>(channels + 2 * i);
        const float2 unit = *reinterpret_cast<const float2*>(channels + S::kHeadDim + 2 * i);
#pragma unroll
        for (int row = 0; row < 2; ++row) {
          float* pair = &out[block][i + 2 * row];
          pair[0] = fmaf(pair[0] * inverse[row], unit.x, mean.x);
          pair[1] = fmaf(pair[1] * inverse[row], unit.y, mean.y);
        }
      }
      const Rows rows = rows_of(item, block);
      const auto offset = [&](int row) {
        return cuda::load_shared_pair(row_scale_at(block, row)).y;
      };
      rows.store(out[block], 1.0f, 1.0f);
      rows.store_lse(softmax[block].log_sum(0, offset(0)), softmax[block].log_sum(1, offset(1)));
    }
  }

  const AttentionArgs& args_;
  const std::uint32_t shared_;
  Control& control_;
};

template <typename S>
__global__ void __launch_bounds__(S::kThreads, S::kBlocks)
    attention_kernel(const __grid_constant__ AttentionArgs args) {
  extern __shared__ __align__(128) unsigned char memory[];
  Attention<S>(args, memory).run();
}

}  // namespace twill::kernels::int8
