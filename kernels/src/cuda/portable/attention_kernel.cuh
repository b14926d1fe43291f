// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Block-sparse attention forward with what every NVIDIA GPU since sm_80 has: mma.sync, ldmatrix,
// cp.async.
//
// A block stays on its multiprocessor and takes items of work, a query tile of 128 rows each. Its
// warps compute 16 or 32 of these rows and share the keys and values that all of them copy to
// shared memory, some steps ahead. This is the shape of FlashAttention-2
// (https://arxiv.org/abs/2307.08691); running maxima that grow by less than 2^8 are kept as they
// are, as FlashAttention-4 does.
#pragma once

#include "../key_tiles.cuh"
#include "../output_rows.cuh"
#include "../ptx.cuh"
#include "../softmax.cuh"
#include "../work.cuh"
#include "attention_args.h"

namespace twill::kernels::portable {

using cuda::Item;
using cuda::KeyTiles;
using cuda::load_matrices;
using cuda::shared_address;

// kRowBlocks: blocks of 16 query rows of a warp. kKeys: keys of a step, a part of a list tile or
// two tiles. kStages: steps in shared memory. kHeld: queries stay in registers; kOverlaid: and
// their place in shared memory is that of the steps.
template <typename ElementT, int kHeadDimT, int kWarpsT, int kKeysT, int kStagesT, int kBlocksT,
          bool kHeldT, bool kOverlaidT = false, int kTogetherT = 1>
struct Shape {
  using Element = ElementT;
  static constexpr int kHeadDim = kHeadDimT;
  static constexpr int kThreads = 32 * kWarpsT;
  static constexpr int kRowBlocks = kQueryTile / 16 / kWarpsT;
  static constexpr int kKeys = kKeysT;
  static constexpr int kTiles = kKeys > kKeyTile ? kKeys / kKeyTile : 1;  // list tiles of a step
  static constexpr int kSteps = kKeys < kKeyTile ? kKeyTile / kKeys : 1;  // of a list tile
  static constexpr int kStages = kStagesT;
  static constexpr int kBlocks = kBlocksT;  // on a multiprocessor, which bounds the registers
  static constexpr bool kHeld = kHeldT;
  static constexpr bool kOverlaid = kOverlaidT;
  static constexpr int kTogether = kTogetherT < kRowBlocks ? kTogetherT : kRowBlocks;

  static constexpr int kPieces = kHeadDim / 8;  // of 16 bytes, of a row
  static constexpr int kRowBytes = 2 * kHeadDim;
  static constexpr int kQueryBytes = kQueryTile * kRowBytes;
  static constexpr int kPartBytes = kKeys * kRowBytes;  // keys of a step, or values
  static constexpr int kStepBytes = 2 * kPartBytes;
  static constexpr int kStepsBegin = kOverlaid ? 0 : kQueryBytes;
  static constexpr int kControlBegin = kStepsBegin + kStages * kStepBytes;
  static constexpr int kControlBytes = 128;
  static constexpr int kSharedBytes = kControlBegin + kControlBytes;
  static_assert(16 * kWarpsT * kRowBlocks == kQueryTile && kKeys % 16 == 0 && kTiles <= 2);
  static_assert(kHeld || !kOverlaid);
  static_assert(!kOverlaid || kQueryBytes <= kStages * kStepBytes);
};

// Where a piece of 16 bytes of a row lies: eight rows of one piece stand in different banks.
template <typename S>
__device__ __forceinline__ std::uint32_t place_of(std::uint32_t row, std::uint32_t piece) {
  const std::uint32_t mask = S::kPieces % 8 == 0 ? row % 8 : row / 2 % 4;
  return row * S::kRowBytes + ((piece ^ mask) << 4);
}

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
  using Element = typename S::Element;
  using Rows = cuda::OutputRows<Element, S::kHeadDim>;
  static constexpr int kScores = S::kKeys / 2;  // of a thread and row block
  using Softmax = cuda::Softmax<kScores, S::kTogether>;

  // What every thread needs now and then is kept for all of them, not in registers.
  struct Source {
    const unsigned char* base;  // of the head
    std::int64_t row_bytes;
  };
  struct Control {
    Source keys, values;
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
    const Item item = cuda::WorkList<Precision::kBf16>(args_.call.layer).find(number);
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

  __device__ static Source source_of(const Tensor (&tensors)[2], const Item& item) {
    const bool gathered = item.gathered >= 0;
    const Tensor& tensor = tensors[gathered ? 1 : 0];
    const std::int64_t at = item.batch * tensor.strides.batch +
                            (gathered ? item.gathered : item.head) * tensor.strides.head;
    return {static_cast<const unsigned char*>(tensor.base) + 2 * at, 2 * tensor.strides.token};
  }

  // Rows first .. first + kRows - 1 to shared memory; those past the last token are 0.
  template <int kRows>
  __device__ __forceinline__ void copy_rows(const Source& source, std::int32_t first,
                                            std::uint32_t to) const {
    const std::int32_t rows = args_.call.layer.tokens - first;
    const unsigned char* from = source.base + first * source.row_bytes;
    if (rows < kRows) {
      copy_last_rows<kRows>(from, source.row_bytes, rows, to);
      return;
    }
    // Threads stand side by side over a power of two of a row's pieces, so that the rows of one
    // differ by multiples of 8 and its places by constants.
    constexpr int kAcross = S::kPieces & -S::kPieces;
    constexpr int kApart = S::kThreads / kAcross;
    static_assert(kApart % 8 == 0 && kRows % kApart == 0);
    const std::uint32_t row = threadIdx.x / kAcross;
    const std::uint32_t piece = threadIdx.x % kAcross;
    from += row * source.row_bytes + 16 * piece;
    to += place_of<S>(row, piece);
    const std::int64_t apart = kApart * source.row_bytes;
#pragma unroll
    for (int i = 0; i < kRows / kApart; ++i) {
#pragma unroll
      for (int j = 0; j < S::kPieces / kAcross; ++j) {
        cuda::copy_async(to + i * kApart * S::kRowBytes + 16 * j * kAcross,
                         from + 16 * j * kAcross);
      }
      from += apart;
    }
  }
  template <int kRows>
  __device__ void copy_last_rows(const unsigned char* from, std::int64_t row_bytes,
                                 std::int32_t rows, std::uint32_t to) const {
#pragma unroll 1
    for (std::uint32_t at = threadIdx.x; at < kRows * S::kPieces; at += S::kThreads) {
      const std::uint32_t row = at / S::kPieces;
      const std::uint32_t piece = at % S::kPieces;
      const bool inside = static_cast<std::int32_t>(row) < rows;
      cuda::copy_async(to + place_of<S>(row, piece),
                       from + (inside ? row * row_bytes + 16 * piece : 0), inside ? 16 : 0);
    }
  }

  // Where steps have two tiles and a list has an odd number, the first step has one.
  __device__ static bool is_first_alone(const Item& item) {
    return S::kTiles > 1 && item.key_tiles % S::kTiles != 0;
  }
  __device__ static std::int32_t steps_of(const Item& item) {
    return (item.key_tiles * S::kSteps + S::kTiles - 1) / S::kTiles;
  }

  // Which step is copied next, the parts of a list tile one after the other.
  struct Feed {
    __device__ Feed(const std::int32_t* image, const Item& item)
        : tiles(image, item), left(steps_of(item)), alone(is_first_alone(item)) {}
    KeyTiles tiles;
    std::int32_t left;
    bool alone;              // the next tile in its step
    std::int32_t first = 0;  // key of the step
    std::uint32_t to = 0;    // its stage
  };
  __device__ __forceinline__ void feed_step(Feed& feed, const Item& item) {
    constexpr int kRows = S::kKeys / S::kTiles;
    if (feed.left > 0) {
      --feed.left;
#pragma unroll
      for (int tile = 0; tile < S::kTiles; ++tile) {
        const std::uint32_t to = shared_ + S::kStepsBegin + feed.to + tile * kRows * S::kRowBytes;
        if (tile > 0 && feed.alone) {
          // Weights of 0 times what stood there before may not be a number.
          feed.alone = false;
          const Source& values = control_.values;
          copy_last_rows<kRows>(values.base, values.row_bytes, 0, to + S::kPartBytes);
          continue;
        }
        if (S::kSteps == 1 || feed.first % kKeyTile == 0) {
          feed.first = feed.tiles.next(args_.call.layer.image, item) * kKeyTile;
        }
        copy_rows<kRows>(control_.keys, feed.first, to);
        copy_rows<kRows>(control_.values, feed.first, to + S::kPartBytes);
        feed.first += kRows;
      }
      feed.to = feed.to + S::kStepBytes == S::kStages * S::kStepBytes ? 0 : feed.to + S::kStepBytes;
    }
    cuda::copy_async_commit();  // a group for each step, also an empty one: waits count groups
  }

  __device__ __forceinline__ void load_queries(int chunk, std::uint32_t (&to)[S::kRowBlocks][4]) {
    const std::uint32_t lane = threadIdx.x % 32;
#pragma unroll
    for (int block = 0; block < S::kRowBlocks; ++block) {
      load_matrices(shared_ + place_of<S>(first_row_of(block) + lane % 16, 2 * chunk + lane / 16),
                    to[block]);
    }
  }

  // scores = q k^T of a step.
  __device__ __forceinline__ void score(std::uint32_t keys,
                                        float (&scores)[S::kRowBlocks][kScores]) {
    const std::uint32_t lane = threadIdx.x % 32;
#pragma unroll
    for (int chunk = 0; chunk < S::kHeadDim / 16; ++chunk) {
      std::uint32_t read[S::kRowBlocks][4];
      if constexpr (!S::kHeld) {
        load_queries(chunk, read);
      }
#pragma unroll
      for (int pair = 0; pair < S::kKeys / 16; ++pair) {
        std::uint32_t k[4];  // two blocks of 8 keys, each of 16 channels
        load_matrices(
            keys + place_of<S>(16 * pair + lane / 16 * 8 + lane % 8, 2 * chunk + lane / 8 % 2), k);
#pragma unroll
        for (int block = 0; block < S::kRowBlocks; ++block) {
          const std::uint32_t* queries = S::kHeld ? held_[chunk % kHeldChunks][block] : read[block];
          cuda::multiply(&scores[block][8 * pair], queries, k[0], k[1], Element{});
          cuda::multiply(&scores[block][8 * pair + 4], queries, k[2], k[3], Element{});
        }
      }
    }
  }

  // out += weights v of a step.
  __device__ __forceinline__ void add_values(
      std::uint32_t values, const std::uint32_t (&weights)[S::kRowBlocks][kScores / 2],
      float (&out)[S::kRowBlocks][S::kHeadDim / 2]) {
    const std::uint32_t lane = threadIdx.x % 32;
#pragma unroll
    for (int group = 0; group < S::kKeys / 16; ++group) {
#pragma unroll
      for (int chunk = 0; chunk < S::kHeadDim / 16; ++chunk) {
        std::uint32_t v[4];  // 16 keys of two blocks of 8 channels
        load_matrices<true>(values + place_of<S>(16 * group + lane % 16, 2 * chunk + lane / 16), v);
#pragma unroll
        for (int block = 0; block < S::kRowBlocks; ++block) {
          const std::uint32_t* w = &weights[block][4 * group];
          cuda::multiply(&out[block][8 * chunk], w, v[0], v[1], Element{});
          cuda::multiply(&out[block][8 * chunk + 4], w, v[2], v[3], Element{});
        }
      }
    }
  }

  // Keys past the last token, in the last tile, which is computed first, and those beside a tile
  // that is alone: begin to end - 1 of a step.
  __device__ void mask(std::int32_t begin, std::int32_t end,
                       float (&scores)[S::kRowBlocks][kScores]) const {
    const auto column = static_cast<std::int32_t>(threadIdx.x % 4 * 2);
#pragma unroll
    for (int i = 0; i < kScores; ++i) {
      const std::int32_t key = i / 4 * 8 + i % 2 + column;
      if (key >= begin && key < end) {
#pragma unroll
        for (auto& of_block : scores) {
          of_block[i] = -cuda::kInfinity;
        }
      }
    }
  }

  __device__ void attend(const Item& item, int next_slot) {
    if (threadIdx.x == 0) {
      control_.keys = source_of(args_.k, item);
      control_.values = source_of(args_.v, item);
    }
    __syncthreads();
    Feed feed(args_.call.layer.image, item);
    copy_rows<kQueryTile>(source_of(args_.q, item), item.query_tile * kQueryTile, shared_);
    if constexpr (S::kOverlaid) {
      cuda::copy_async_commit();
      publish_next(next_slot);
      hold_queries();
    }
#pragma unroll
    for (int step = 0; step + 1 < S::kStages; ++step) {
      feed_step(feed, item);
    }
    if constexpr (!S::kOverlaid) {
      publish_next(next_slot);
    }

    Softmax softmax[S::kRowBlocks / S::kTogether];
#pragma unroll
    for (auto& of_blocks : softmax) {
      of_blocks = Softmax(args_.call.factor);
    }
    float out[S::kRowBlocks][S::kHeadDim / 2];
#pragma unroll
    for (int block = 0; block < S::kRowBlocks; ++block) {
#pragma unroll
      for (float& value : out[block]) {
        value = 0.0f;
      }
    }
    const std::int32_t valid =
        min(kKeyTile, args_.call.layer.tokens - item.last_key_tile * kKeyTile);
    const std::int32_t steps = steps_of(item);
    std::uint32_t stage = shared_ + S::kStepsBegin;
    for (std::int32_t step = 0; step < steps; ++step) {
      cuda::copy_async_wait<S::kStages - 2>();
      __syncthreads();
      if constexpr (S::kHeld && !S::kOverlaid) {
        if (step == 0) {
          read_held();
        }
      }
      feed_step(feed, item);
      float scores[S::kRowBlocks][kScores] = {};
      score(stage, scores);
      if (step < S::kSteps && valid < kKeyTile) {
        mask(valid - step * S::kKeys, kKeyTile - step * S::kKeys, scores);
      }
      if (step == 0 && is_first_alone(item)) {
        mask(kKeyTile, S::kKeys, scores);
      }
      std::uint32_t weights[S::kRowBlocks][kScores / 2];
#pragma unroll
      for (int i = 0; i < S::kRowBlocks / S::kTogether; ++i) {
        auto& some = reinterpret_cast<float(&)[S::kTogether][kScores]>(scores[i * S::kTogether]);
        auto& results =
            reinterpret_cast<float(&)[S::kTogether][S::kHeadDim / 2]>(out[i * S::kTogether]);
        softmax[i].step(some);
        softmax[i].rescale(results);
#pragma unroll
        for (int block = i * S::kTogether; block < (i + 1) * S::kTogether; ++block) {
          cuda::pack<Element>(scores[block], weights[block]);
        }
      }
      add_values(stage + S::kPartBytes, weights, out);
      stage += S::kStepBytes;
      stage = stage == shared_ + S::kControlBegin ? shared_ + S::kStepsBegin : stage;
    }
#pragma unroll
    for (int block = 0; block < S::kRowBlocks; ++block) {
      Softmax& of_blocks = softmax[block / S::kTogether];
      const int at = block % S::kTogether;
      if (at == 0) {
        of_blocks.finish();
      }
      const Rows rows = rows_of(item, block);
      rows.store(out[block], of_blocks.inverse(0, at), of_blocks.inverse(1, at));
      rows.store_lse(of_blocks.log_sum(0, at), of_blocks.log_sum(1, at));
    }
  }

  __device__ void read_held() {
    if constexpr (S::kHeld) {
#pragma unroll
      for (int chunk = 0; chunk < S::kHeadDim / 16; ++chunk) {
        load_queries(chunk, held_[chunk]);
      }
    }
  }
  // Before the steps take the queries' place.
  __device__ void hold_queries() {
    cuda::copy_async_wait<0>();
    __syncthreads();
    read_held();
    __syncthreads();
  }

  const AttentionArgs& args_;
  const std::uint32_t shared_;
  Control& control_;
  static constexpr int kHeldChunks = S::kHeld ? S::kHeadDim / 16 : 1;
  std::uint32_t held_[kHeldChunks][S::kRowBlocks][4];
};

template <typename S>
__global__ void __launch_bounds__(S::kThreads, S::kBlocks)
    attention_kernel(const __grid_constant__ AttentionArgs args) {
  extern __shared__ __align__(128) unsigned char memory[];
  Attention<S>(args, memory).run();
}

}  // namespace twill::kernels::portable
