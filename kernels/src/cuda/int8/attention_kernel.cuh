// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Block-sparse attention forward with both products in 8-bit integers: mma.sync and ldmatrix, on
// every NVIDIA GPU since sm_80. The walk is that of the portable kernel: a block stays on its
// multiprocessor and takes query tiles; its warps share the keys and values in shared memory, where
// they come some tiles ahead (tile_feed.cuh).
#pragma once

#include "../output_rows.cuh"
#include "../ptx.cuh"
#include "../work.cuh"
#include "attention_args.h"
#include "tile_feed.cuh"
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
  // Measured on an H200: where a step is as short as that of 32 rows at head_dim 64, waiting for
  // barriers costs more than bulk copies save.
  static constexpr bool kShortSteps = kHeadDim == 64 && kRowBlocks == 2;
  static constexpr bool kBulk = !kShortSteps;
  // Blocks of 8 channels of values whose products hide each other's latency.
  static constexpr int kTogether = kShortSteps ? 8 : 4;

  static constexpr int kPieces = kHeadDim / 16;  // of 16 bytes, of a row of queries or keys
  static constexpr int kQueryBytes = kQueryTile * kHeadDim;
  static constexpr int kKeyBytes = kKeyTile * kHeadDim;
  static constexpr int kTileBytes = 2 * kKeyBytes + kKeyTile + static_cast<int>(sizeof(TileScales));
  static constexpr int kStageBytes = 2 * kKeyBytes + 128;
  static constexpr int kRowsBegin = kQueryBytes;  // RowScale
  static constexpr int kRowsBytes = kQueryTile * static_cast<int>(sizeof(RowScale));
  static constexpr int kStepsBegin = kRowsBegin + kRowsBytes;
  static constexpr int kBarriersBegin = kStepsBegin + kStages * kStageBytes;
  static constexpr int kBarriersBytes = 64;
  static constexpr int kControlBegin = kBarriersBegin + kBarriersBytes;
  static constexpr int kControlBytes = 128;
  static constexpr int kSharedBytes = kControlBegin + kControlBytes;
  static_assert(16 * kWarpsT * kRowBlocks == kQueryTile && kHeadDim % 32 == 0 &&
                kHeadDim % (8 * kTogether) == 0);
};

template <typename S>
class Attention {
 public:
  __device__ Attention(const AttentionArgs& args, unsigned char* shared)
      : args_(args),
        shared_(shared_address(shared)),
        control_(*reinterpret_cast<Control*>(shared + S::kControlBegin)) {}

  __device__ void run() {
    if (threadIdx.x == 0) {
      Feed<S>::init_block(shared_);
    }
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

  struct Control {
    Item items[2];
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

  // kBaseBits. Before 9.0 the compiler must not know the value, else it writes it anew before every
  // product (8 % more instructions): it gets the upper bits of the multiprocessor's number, all 0.
  __device__ __forceinline__ static void opaque_base(std::int32_t (&words)[4]) {
#pragma unroll
    for (std::int32_t& word : words) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
      asm volatile("{.reg .u32 id; mov.u32 id, %%smid; shr.u32 id, id, 24; or.b32 %0, id, %1;}"
                   : "=r"(word)
                   : "n"(kBaseBits));
#else
      word = kBaseBits;
#endif
    }
  }

  // Sums of a tile are added with the base that they began at, which is taken away again now and
  // then: before it costs the sums more digits than 8-bit factors have.
  static constexpr int kTilesOfBase = 4;

  // out += shares (base + weights v) of a tile. takes_base: all that came in with base goes again,
  // from kTogether blocks of channels at a time. The branch between these is wanted: without it the
  // compiler begins most products early, and has nothing to put between the rest.
  __device__ __forceinline__ void add_values(std::uint32_t values_at,
                                             const std::uint32_t (&weights)[S::kRowBlocks][kWords],
                                             const float (&shares)[S::kRowBlocks][2],
                                             const std::int32_t (&began)[4], bool takes_base,
                                             float (&base)[S::kRowBlocks][2],
                                             float (&out)[S::kRowBlocks][S::kHeadDim / 2]) const {
    std::uint32_t v[S::kTogether][4];  // of 64 keys
#pragma unroll
    for (int channels = 0; channels < S::kTogether; ++channels) {
      load_matrices(values_at + 8 * channels * kKeyTile, v[channels]);
    }
#pragma unroll
    for (int first = 0; first < S::kHeadDim / 8; first += S::kTogether) {
      std::int32_t sums[S::kTogether][S::kRowBlocks][4];
#pragma unroll
      for (int channels = 0; channels < S::kTogether; ++channels) {
#pragma unroll
        for (int block = 0; block < S::kRowBlocks; ++block) {
          std::int32_t* to = sums[channels][block];
          cuda::multiply_u8(to, &weights[block][0], v[channels][0], v[channels][1], began);
          cuda::multiply_u8(to, &weights[block][4], v[channels][2], v[channels][3], to);
        }
      }
      if (first + S::kTogether < S::kHeadDim / 8) {  // asked for before they are needed
#pragma unroll
        for (int channels = 0; channels < S::kTogether; ++channels) {
          load_matrices(values_at + 8 * (first + S::kTogether + channels) * kKeyTile, v[channels]);
        }
      }
#pragma unroll
      for (int channels = 0; channels < S::kTogether; ++channels) {
#pragma unroll
        for (int block = 0; block < S::kRowBlocks; ++block) {
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            float& to = out[block][4 * (first + channels) + i];
            to = fmaf(__int_as_float(sums[channels][block][i]), shares[block][i / 2], to);
          }
        }
      }
      if (takes_base) {
#pragma unroll
        for (int block = 0; block < S::kRowBlocks; ++block) {
          const float taken[2] = {base[block][0] * kBase, base[block][1] * kBase};
#pragma unroll
          for (int i = 0; i < 4 * S::kTogether; ++i) {
            out[block][4 * first + i] -= taken[i / 2 % 2];
          }
        }
      }
    }
    if (takes_base) {
#pragma unroll
      for (int block = 0; block < S::kRowBlocks; ++block) {
        base[block][0] = base[block][1] = 0.0f;
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
    const Sources sources{
        .queries = args_.heads.queries + head * layout().query_bytes() +
                   static_cast<std::int64_t>(item.query_tile) * S::kQueryBytes,
        .rows = args_.heads.rows + head * layout().row_scales() + item.query_tile * kQueryTile,
        .keys = args_.heads.keys + head * layout().key_bytes()};
    Feed<S> feed(args_.call.layer.image, item, sources, shared_, ring_);
    publish_next(next_slot);

    std::int32_t began[4];
    opaque_base(began);
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
    feed.wait_for_queries();
    for (std::int32_t left = item.key_tiles; left > 0; --left) {
      const std::uint32_t stage = feed.wait();
      const float2 scales =
          cuda::load_shared_pair(stage + 2 * S::kKeyBytes + kKeyTile);  // TileScales
      std::int32_t scores[S::kRowBlocks][kScores];
      score(queries_at, stage + keys_at, scores);
      float above = -cuda::kInfinity;
#pragma unroll
      for (int block = 0; block < S::kRowBlocks; ++block) {
        const float factors[2] = {cuda::load_shared(row_scale_at(block, 0)) * scales.x,
                                  cuda::load_shared(row_scale_at(block, 1)) * scales.x};
        softmax[block].follow(scores[block], factors);
        above = fmaxf(above, softmax[block].above());
      }
      if (__any_sync(0xffffffffu, above > Softmax::kMostAbove)) {
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
      feed.ask(left);
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
      add_values(stage + values_at, weights, shares, began, (left & (kTilesOfBase - 1)) == 1, base,
                 out);
      feed.release();
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
  Ring ring_;
};

template <typename S>
__global__ void __launch_bounds__(S::kThreads, S::kBlocks)
    attention_kernel(const __grid_constant__ AttentionArgs args) {
  extern __shared__ __align__(128) unsigned char memory[];
  Attention<S>(args, memory).run();
}

}  // namespace twill::kernels::int8
