// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Block-sparse attention forward for sm_90a.
//
// A block stays on its multiprocessor and takes items of work, a query tile of 128 rows each. One
// warp loads: each list tile of 64 keys is a box of its own, and kTiles of them from anywhere fill
// a stage. Two warp groups of 64 query rows compute: while the scores of one stage go through the
// softmax, the tensor cores multiply the weights of the stage before with its values. This is the
// shape of FlashAttention-3 (https://arxiv.org/abs/2407.08608) but for two things. The groups do
// not take turns by barriers: the tensor cores take the products of one group after those of the
// other as it is, and waiting for a turn cost up to 9 % (H200). And a row's maximum is that of its
// first stage as long as no weight grows too large, which the sums of the weights tell: no score is
// compared, and weights are made as soon as scores are there. What grows too large is computed once
// more (score_again). Queries stay in registers: at the power limit of an H100 that gave up to 5 %
// over reading them from shared memory for each product.
#pragma once

#include <cmath>
#include <cstdint>

#include "../output_rows.cuh"
#include "../persistent_launch.cuh"
#include "../work.cuh"
#include "attention_args.h"
#include "ptx.cuh"
#include "row_softmax.cuh"
#include "wgmma.cuh"

namespace twill::kernels::sm90 {

using cuda::Item;
using cuda::KeyTileStream;
using cuda::load_matrices;
using cuda::OutputRows;
using cuda::pack;
using cuda::shared_address;
using cuda::tiles_of;

inline constexpr int kConsumers = 2;  // warp groups of 64 query rows
inline constexpr int kItemSlots = 2;
// Of a thread, once the roles are known: together what a launch of 384 threads of 168 has.
inline constexpr int kProducerRegisters = 40;
inline constexpr int kConsumerRegisters = 232;
static_assert(kProducerRegisters + kConsumers * kConsumerRegisters == 3 * 168);

template <typename ElementT, int kHeadDimT, int kTilesT, int kStagesT>
struct Shape {
  using Element = ElementT;
  static constexpr int kThreads = 128 * (1 + kConsumers);
  static constexpr int kHeadDim = kHeadDimT;
  static constexpr int kTiles = kTilesT;    // list tiles of a stage
  static constexpr int kStages = kStagesT;  // of keys, and of values
  static constexpr int kKeys = kTiles * kKeyTile;
  static constexpr int kHalves = kHeadDim / 64;  // a swizzled row holds 64 channels
  static constexpr int kRowBytes = 128;
  static constexpr int kQueryHalf = kQueryTile * kRowBytes;  // bytes of 64 channels of all rows
  static constexpr int kStageHalf = kKeys * kRowBytes;
  static constexpr int kQueryBytes = kHalves * kQueryHalf;
  static constexpr int kStageBytes = kHalves * kStageHalf;
  static constexpr int kSharedBytes = kQueryBytes + 2 * kStages * kStageBytes + 1024 + 512;
};

// Chosen by measurement (H100, H200): 3 tiles of head_dim 128 leave no registers for the queries,
// and of head_dim 64 they are 1 to 4 % slower than 2. A third stage of head_dim 128 is for lists of
// tiles that lie apart, whose keys come from DRAM now and then: 3 to 7 % faster.
template <typename Element>
using Shape128 = Shape<Element, 128, 2, 3>;
template <typename Element>
using Shape64 = Shape<Element, 64, 2, 4>;

template <typename S>
struct Shared {
  unsigned char* q;
  unsigned char* k;
  unsigned char* v;
  struct Control {
    std::uint64_t q_full, q_empty;
    std::uint64_t k_full[S::kStages], k_empty[S::kStages];
    std::uint64_t v_full[S::kStages], v_empty[S::kStages];
    std::uint64_t item_full[kItemSlots], item_empty[kItemSlots];
    Item items[kItemSlots];
  };
  static_assert(sizeof(Control) <= 512);
  Control* control;

  __device__ explicit Shared(unsigned char* base) {
    const std::uint32_t address = shared_address(base);
    q = base + ((1024 - address % 1024) % 1024);
    k = q + S::kQueryBytes;
    v = k + S::kStages * S::kStageBytes;
    control = reinterpret_cast<Control*>(v + S::kStages * S::kStageBytes);
  }

  __device__ void init() {
    constexpr std::uint32_t kConsumerWarps = 4 * kConsumers;
    barrier_init(&control->q_full, 1);
    barrier_init(&control->q_empty, kConsumerWarps);
    for (int i = 0; i < S::kStages; ++i) {
      barrier_init(&control->k_full[i], 1);
      barrier_init(&control->k_empty[i], kConsumerWarps);
      barrier_init(&control->v_full[i], 1);
      barrier_init(&control->v_empty[i], kConsumerWarps);
    }
    for (int i = 0; i < kItemSlots; ++i) {
      barrier_init(&control->item_full[i], 1);
      barrier_init(&control->item_empty[i], kConsumerWarps);
    }
    barrier_init_fence();
  }
};

// A place in a ring of `kSize` and the parity of the phase that is awaited there.
template <int kSize>
struct Place {
  std::uint32_t index = 0;
  std::uint32_t parity = 0;
  __device__ __forceinline__ void next() {
    if (++index == kSize) {
      index = 0;
      parity ^= 1;
    }
  }
  __device__ __forceinline__ Place previous() const {
    return index > 0 ? Place{index - 1, parity} : Place{kSize - 1, parity ^ 1};
  }
};

// Runs in one warp.
template <typename S>
class Producer {
 public:
  __device__ Producer(const AttentionArgs& args, const Shared<S>& shared)
      : args_(args), shared_(shared), leads_(threadIdx.x % 32 == 0) {}

  __device__ void run() {
    const cuda::WorkList<Precision::kBf16> work(args_.call.layer);
    Item item = work.find(take_number());
    while (true) {
      publish(item);
      if (item.mode < 0) {
        return;
      }
      std::int32_t number = -1;
      if (item.key_tiles > 0) {
        number = load_item(item);
      }
      item = work.find(number >= 0 ? number : take_number());
    }
  }

 private:
  __device__ std::int32_t take_number() const {
    std::int32_t number = 0;
    if (leads_) {
      number = atomicAdd(args_.call.next_item, 1);
    }
    return __shfl_sync(0xffffffffu, number, 0);
  }

  __device__ void publish(const Item& item) {
    auto& control = *shared_.control;
    barrier_wait(&control.item_empty[slot_.index], slot_.parity ^ 1);
    if (leads_) {
      control.items[slot_.index] = item;
      barrier_arrive(&control.item_full[slot_.index]);
    }
    slot_.next();
  }

  // Returns the number of the next item, asked for while the last stages are computed.
  __device__ std::int32_t load_item(const Item& item) {
    const bool gathered = item.gathered >= 0;
    const std::int32_t head = gathered ? item.gathered : item.head;
    load_queries(gathered ? args_.q_gathered : args_.q, item.query_tile, head, item.batch);
    const CUtensorMap& keys = gathered ? args_.k_gathered : args_.k;
    const CUtensorMap& values = gathered ? args_.v_gathered : args_.v;
    KeyTileStream stream(args_.call.layer.image, item);
    // The stage that is not full comes first, where the ragged tile is masked too; what it lacks is
    // filled with its first tile, whose weights there are 0.
    const std::int32_t stages = tiles_of(item.key_tiles, S::kTiles);
    const std::int32_t missing = stages * S::kTiles - item.key_tiles;
    for (std::int32_t stage = 0; stage < stages; ++stage) {
      std::int32_t tiles[S::kTiles];
#pragma unroll
      for (int i = 0; i < S::kTiles; ++i) {
        tiles[i] = i > 0 && stage == 0 && i >= S::kTiles - missing ? tiles[0] : stream.next();
      }
      load_stage(keys, shared_.k, shared_.control->k_full, shared_.control->k_empty, tiles, head,
                 item.batch);
      load_stage(values, shared_.v, shared_.control->v_full, shared_.control->v_empty, tiles, head,
                 item.batch);
      stage_.next();
    }
    return take_number();
  }

  __device__ void load_queries(const CUtensorMap& map, std::int32_t tile, std::int32_t head,
                               std::int32_t batch) {
    auto& control = *shared_.control;
    barrier_wait(&control.q_empty, q_parity_ ^ 1);
    q_parity_ ^= 1;
    if (leads_) {
      barrier_expect_bytes(&control.q_full, S::kQueryBytes);
      for (int half = 0; half < S::kHalves; ++half) {
        for (int part = 0; part < 2; ++part) {
          load_box(map, &control.q_full,
                   shared_.q + half * S::kQueryHalf + part * 64 * S::kRowBytes, 64 * half,
                   tile * kQueryTile + 64 * part, head, batch);
        }
      }
    }
  }

  __device__ void load_stage(const CUtensorMap& map, unsigned char* base, std::uint64_t* full,
                             std::uint64_t* empty, const std::int32_t (&tiles)[S::kTiles],
                             std::int32_t head, std::int32_t batch) {
    barrier_wait(&empty[stage_.index], stage_.parity ^ 1);
    if (leads_) {
      std::uint64_t* barrier = &full[stage_.index];
      unsigned char* to = base + stage_.index * S::kStageBytes;
      barrier_expect_bytes(barrier, S::kStageBytes);
#pragma unroll
      for (int i = 0; i < S::kTiles; ++i) {
#pragma unroll
        for (int half = 0; half < S::kHalves; ++half) {
          load_box(map, barrier, to + half * S::kStageHalf + i * kKeyTile * S::kRowBytes, 64 * half,
                   tiles[i] * kKeyTile, head, batch);
        }
      }
    }
  }

  const AttentionArgs& args_;
  const Shared<S>& shared_;
  const bool leads_;
  Place<kItemSlots> slot_;
  Place<S::kStages> stage_;
  std::uint32_t q_parity_ = 0;
};

// Runs in one warp group of 64 query rows.
template <typename S>
class Consumer {
 public:
  __device__ Consumer(const AttentionArgs& args, const Shared<S>& shared, std::uint32_t group)
      : args_(args), shared_(shared), group_(group), thread_(threadIdx.x % 128) {}

  __device__ void run() {
    auto& control = *shared_.control;
    while (true) {
      barrier_wait(&control.item_full[slot_.index], slot_.parity);
      const Item& item = control.items[slot_.index];  // read where it is needed: registers are few
      if (item.mode < 0) {
        return;
      }
      if (item.key_tiles > 0) {
        attend(item);
      } else {
        rows_of(item).store_constant();
      }
      __syncwarp();
      release(&control.item_empty[slot_.index]);
      slot_.next();
    }
  }

 private:
  using Element = typename S::Element;
  using Score = Wgmma<Element, S::kKeys>;
  using Value = Wgmma<Element, S::kHeadDim>;
  using Rows = OutputRows<Element, S::kHeadDim>;
  static constexpr int kScores = S::kKeys / 2;

  // One arrival for a warp that has read what the barrier guards.
  __device__ __forceinline__ void release(std::uint64_t* barrier) const {
    if (thread_ % 32 == 0) {
      barrier_arrive(barrier);
    }
  }

  __device__ __forceinline__ void issue_scores(float (&scores)[kScores]) {
    barrier_wait(&shared_.control->k_full[stage_.index], stage_.parity);
    const std::uint32_t k =
        uniform(operand(shared_address(shared_.k) + stage_.index * S::kStageBytes, 16));
    hold(scores);
    wgmma_begin();
#pragma unroll
    for (int i = 0; i < S::kHeadDim / 16; ++i) {
      const int within = i % 4 * 32;
      Score::score(scores, queries_ + 4 * i, k + ((i / 4 * S::kStageHalf + within) >> 4), i != 0);
    }
    wgmma_commit();
  }

  __device__ __forceinline__ void issue_values(float (&out)[S::kHeadDim / 2],
                                               std::uint32_t (&weights)[kScores / 2]) {
    const Place<S::kStages> stage = stage_.previous();
    barrier_wait(&shared_.control->v_full[stage.index], stage.parity);
    const std::uint32_t v =
        uniform(operand(shared_address(shared_.v) + stage.index * S::kStageBytes, S::kStageHalf));
    hold(out);
    hold(weights);
    wgmma_begin();
#pragma unroll
    for (int i = 0; i < S::kKeys / 16; ++i) {
      Value::value(out, weights + 4 * i, v + (i * 16 * S::kRowBytes >> 4));
    }
    wgmma_commit();
  }

  __device__ void attend(const Item& item) {
    auto& control = *shared_.control;
    const std::int32_t stages = tiles_of(item.key_tiles, S::kTiles);
    RowSoftmax<Element, kScores> softmax(args_.call.factor);
    float out[S::kHeadDim / 2];
    std::uint32_t weights[kScores / 2];
#pragma unroll
    for (int i = 0; i < S::kHeadDim / 2; ++i) {
      out[i] = 0.0f;
    }
    barrier_wait(&control.q_full, q_parity_);
    q_parity_ ^= 1;
    load_fragments();
    release(&control.q_empty);
    {
      float scores[kScores];
      issue_scores(scores);
      wgmma_wait<0>();
      hold(scores);
      release(&control.k_empty[stage_.index]);
      stage_.next();
      mask_first(item, stages, scores);
      softmax.begin(scores);
      pack<Element>(scores, weights);
    }
    for (std::int32_t left = stages - 1; left > 0; --left) {
      float scores[kScores];
      issue_scores(scores);
      issue_values(out, weights);
      wgmma_wait<1>();
      hold(scores);
      if (!softmax.step(scores)) {
        wgmma_wait<0>();
        hold(out);
        score_again(scores);
        softmax.follow(scores, out);
      }
      release(&control.k_empty[stage_.index]);
      wgmma_wait<0>();
      hold(out);
      hold(weights);
      release(&control.v_empty[stage_.previous().index]);
      stage_.next();
      pack<Element>(scores, weights);
    }
    issue_values(out, weights);
    softmax.finish();
    wgmma_wait<0>();
    hold(out);
    release(&control.v_empty[stage_.previous().index]);
    write(item, out, softmax);
  }

  // The scores of the stage, of this warp alone: the others may not need them.
  __device__ __forceinline__ void score_again(float (&scores)[kScores]) const {
    const std::uint32_t lane = thread_ % 32;
    const std::uint32_t base =
        shared_address(shared_.k) + stage_.index * S::kStageBytes + lane % 8 * S::kRowBytes;
#pragma unroll
    for (int block = 0; block < S::kKeys / 8; ++block) {
      float* sums = scores + 4 * block;
      sums[0] = sums[1] = sums[2] = sums[3] = 0.0f;
#pragma unroll
      for (int i = 0; i < S::kHeadDim / 32; ++i) {
        const std::uint32_t chunk = (i % 2 * 4 + lane / 8) ^ (lane % 8);
        std::uint32_t keys[4];  // 8 keys, 32 channels
        load_matrices(base + i / 2 * S::kStageHalf + block * 8 * S::kRowBytes + chunk * 16, keys);
        cuda::multiply(sums, queries_ + 8 * i, keys[0], keys[1], Element{});
        cuda::multiply(sums, queries_ + 8 * i + 4, keys[2], keys[3], Element{});
      }
    }
  }

  __device__ __forceinline__ void load_fragments() {
    const std::uint32_t lane = thread_ % 32;
    const std::uint32_t row = group_ * 64 + thread_ / 32 * 16 + lane % 16;
    const std::uint32_t base = shared_address(shared_.q) + row * S::kRowBytes;
#pragma unroll
    for (int i = 0; i < S::kHeadDim / 16; ++i) {
      const std::uint32_t chunk = (i % 4 * 2 + lane / 16) ^ (row % 8);
      load_matrices(base + i / 4 * S::kQueryHalf + chunk * 16, queries_ + 4 * i);
    }
  }

  // Of the first stage: keys past the last token, and the copies that fill it.
  __device__ void mask_first(const Item& item, std::int32_t stages,
                             float (&scores)[kScores]) const {
    const std::int32_t valid =
        min(kKeyTile, args_.call.layer.tokens - item.last_key_tile * kKeyTile);
    const std::int32_t filled = item.key_tiles - (stages - 1) * S::kTiles;
    if (valid == kKeyTile && filled == S::kTiles) {
      return;
    }
    const auto column = static_cast<std::int32_t>(thread_ % 4 * 2);
#pragma unroll
    for (int i = 0; i < kScores; ++i) {
      const int key = i / 4 * 8 + i % 2 + column;
      if ((key >= valid && key < kKeyTile) || key >= filled * kKeyTile) {
        scores[i] = -INFINITY;
      }
    }
  }

  __device__ Rows rows_of(const Item& item) const {
    return Rows(args_.call, item, static_cast<std::int32_t>(group_ * 64 + thread_ / 32 * 16));
  }

  __device__ void write(const Item& item, float (&out)[S::kHeadDim / 2],
                        const RowSoftmax<Element, kScores>& softmax) const {
    const Rows rows = rows_of(item);
    rows.store(out, softmax.inverse(0), softmax.inverse(1));
    rows.store_lse(softmax.log_sum(0), softmax.log_sum(1));
  }

  const AttentionArgs& args_;
  const Shared<S>& shared_;
  const std::uint32_t group_;
  const std::uint32_t thread_;  // of the warp group
  Place<kItemSlots> slot_;
  Place<S::kStages> stage_;  // of the keys; the values are those of the stage before
  std::uint32_t q_parity_ = 0;
  std::uint32_t queries_[S::kHeadDim / 4];
};

template <typename S>
__global__ void __launch_bounds__(S::kThreads, 1)
    attention_kernel(const __grid_constant__ AttentionArgs args) {
  extern __shared__ unsigned char memory[];
  Shared<S> shared(memory);
  if (threadIdx.x == 0) {
    shared.init();
  }
  __syncthreads();
  const std::uint32_t group = __shfl_sync(0xffffffffu, threadIdx.x / 128, 0);
  if (group == 0) {
    give_registers<kProducerRegisters>();
    if (threadIdx.x < 32) {
      Producer<S>(args, shared).run();
    }
  } else {
    take_registers<kConsumerRegisters>();
    Consumer<S>(args, shared, group - 1).run();
  }
}

template <typename S>
cudaError_t launch_shape(const AttentionArgs& args, cudaStream_t stream) {
  return cuda::launch_persistent<attention_kernel<S>, S>(args, stream);
}

}  // namespace twill::kernels::sm90
