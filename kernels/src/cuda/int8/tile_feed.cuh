// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// How an item's queries and key tiles reach shared memory, in two ways that are used alike: made,
// they are on their way; then of each tile wait(), ask() for the one that comes kStages - 1 later
// once all threads of this warp have read what they need of the tile before, and release().
#pragma once

#include "../key_tiles.cuh"
#include "../mbarrier.cuh"
#include "layout.h"

namespace twill::kernels::int8 {

// Where the parts of an item lie: its query tile, the scales of its rows, the key tiles of its
// head.
struct Sources {
  const std::uint8_t* queries;
  const RowScale* rows;
  const std::uint8_t* keys;
};

// What a feed leaves to that of the next item of the block.
struct Ring {
  std::uint32_t slot = 0;
  std::uint32_t parity = 0;
  std::uint32_t query_parity = 0;
};

// By cp.async of all threads; a block waits as a whole.
template <typename S>
class AsyncFeed {
 public:
  static __device__ void init_block(std::uint32_t /*shared*/) {}

  __device__ AsyncFeed(const std::int32_t* image, const cuda::Item& item, const Sources& sources,
                       std::uint32_t shared, Ring& /*ring*/)
      : image_(image),
        item_(item),
        tiles_(image, item),
        keys_(of_thread(sources.keys)),
        steps_(shared + S::kStepsBegin),
        stage_(steps_) {
    copy<S::kQueryBytes>(of_thread(sources.queries), of_thread(shared));
    copy<S::kRowsBytes>(of_thread(sources.rows), of_thread(shared + S::kRowsBegin));
#pragma unroll
    for (int step = 0; step + 1 < S::kStages; ++step) {
      if (step < item.key_tiles) {
        copy_tile(steps_ + step * S::kStageBytes);
      }
      cuda::copy_async_commit();  // a group for each tile, also an empty one: waits count groups
    }
  }

  __device__ __forceinline__ void wait_for_queries() {}  // they come with the first tile
  // The stage of the next tile.
  __device__ __forceinline__ std::uint32_t wait() {
    cuda::copy_async_wait<S::kStages - 2>();
    __syncthreads();
    return stage_;
  }
  // left: tiles from this one on. All have done with the tile before this one: its place is free.
  __device__ __forceinline__ void ask(std::int32_t left) {
    if (left >= S::kStages) {
      constexpr std::uint32_t kLast = (S::kStages - 1) * S::kStageBytes;
      copy_tile(stage_ == steps_ ? stage_ + kLast : stage_ - S::kStageBytes);
    }
    cuda::copy_async_commit();
  }
  __device__ __forceinline__ void release() {
    stage_ += S::kStageBytes;
    stage_ = stage_ == steps_ + S::kStages * S::kStageBytes ? steps_ : stage_;
  }

 private:
  // What lies in memory as it is to lie in shared memory, this thread's part of it: 16 bytes, and
  // so on behind those of the other threads.
  template <int kBytes, int kAt = 0>
  __device__ __forceinline__ static void copy(const std::uint8_t* from, std::uint32_t to) {
    constexpr int kRound = 16 * S::kThreads;
    if constexpr (kAt + kRound <= kBytes) {
      cuda::copy_async<kAt>(to, from);
      copy<kBytes, kAt + kRound>(from, to);
    } else if constexpr (kAt < kBytes) {
      if (16 * threadIdx.x < kBytes - kAt) {
        cuda::copy_async<kAt>(to, from);
      }
    }
  }
  __device__ static const std::uint8_t* of_thread(const void* from) {
    return static_cast<const std::uint8_t*>(from) + 16 * threadIdx.x;
  }
  __device__ static std::uint32_t of_thread(std::uint32_t to) { return to + 16 * threadIdx.x; }

  __device__ __forceinline__ void copy_tile(std::uint32_t to) {
    const std::int64_t tile = tiles_.next(image_, item_);
    copy<S::kTileBytes>(keys_ + tile * S::kTileBytes, of_thread(to));
  }

  const std::int32_t* image_;
  const cuda::Item& item_;
  cuda::KeyTiles tiles_;
  const std::uint8_t* keys_;
  std::uint32_t steps_;
  std::uint32_t stage_;
};

// By bulk copies, each asked for by one thread, the warps taking turns; a warp waits for bytes and
// not for other warps. Devices of 9.0 and newer.
template <typename S>
class BulkFeed {
 public:
  // By one thread, before the block meets.
  static __device__ void init_block(std::uint32_t shared) {
    for (std::uint32_t slot = 0; slot < S::kStages; ++slot) {
      cuda::barrier_init(full(shared, slot), 1);
      cuda::barrier_init(empty(shared, slot), kWarps);
    }
    cuda::barrier_init(queries(shared), 1);
    cuda::barrier_init_fence();
  }

  __device__ BulkFeed(const std::int32_t* image, const cuda::Item& item, const Sources& sources,
                      std::uint32_t shared, Ring& ring)
      : image_(image),
        item_(item),
        tiles_(image, item),
        keys_(sources.keys),
        shared_(shared),
        ring_(ring) {
    if (threadIdx.x == 0) {
      cuda::barrier_expect_bytes(queries(shared), S::kQueryBytes + S::kRowsBytes);
      cuda::copy_bulk(shared, sources.queries, S::kQueryBytes, queries(shared));
      cuda::copy_bulk(shared + S::kRowsBegin, sources.rows, S::kRowsBytes, queries(shared));
    }
    std::uint32_t slot = ring.slot;
    std::uint32_t parity = ring.parity;
#pragma unroll
    for (int step = 0; step + 1 < S::kStages; ++step) {
      if (step < item.key_tiles) {
        copy_tile(0, slot, parity);
        advance(slot, parity);
      }
    }
  }

  __device__ __forceinline__ void wait_for_queries() {
    cuda::barrier_wait(queries(shared_), ring_.query_parity);
    ring_.query_parity ^= 1;
  }
  __device__ __forceinline__ std::uint32_t wait() {
    cuda::barrier_wait(full(shared_, ring_.slot), ring_.parity);
    return stage(ring_.slot);
  }
  __device__ __forceinline__ void ask(std::int32_t left) {
    if (left >= S::kStages) {
      // The slot before this one, in the same round of the ring or, before the first, the next.
      const bool is_first = ring_.slot == 0;
      copy_tile(32 * (left & (kWarps - 1)), is_first ? S::kStages - 1 : ring_.slot - 1,
                is_first ? ring_.parity : ring_.parity ^ 1);
      __syncwarp();
    }
  }
  __device__ __forceinline__ void release() {
    __syncwarp();  // the reads of all its lanes come before what one of them says for them
    if (threadIdx.x % 32 == 0) {
      cuda::barrier_arrive(empty(shared_, ring_.slot));
    }
    advance(ring_.slot, ring_.parity);
  }

 private:
  static constexpr int kWarps = S::kThreads / 32;
  static_assert((kWarps & (kWarps - 1)) == 0);
  static_assert(8 * (2 * S::kStages + 1) <= S::kBarriersBytes);

  __device__ static std::uint32_t full(std::uint32_t shared, std::uint32_t slot) {
    return shared + S::kBarriersBegin + 8 * slot;
  }
  __device__ static std::uint32_t empty(std::uint32_t shared, std::uint32_t slot) {
    return full(shared, slot) + 8 * S::kStages;
  }
  __device__ static std::uint32_t queries(std::uint32_t shared) {
    return full(shared, 2 * S::kStages);
  }
  __device__ std::uint32_t stage(std::uint32_t slot) const {
    return shared_ + S::kStepsBegin + slot * S::kStageBytes;
  }
  __device__ __forceinline__ static void advance(std::uint32_t& slot, std::uint32_t& parity) {
    if (++slot == S::kStages) {
      slot = 0;
      parity ^= 1;
    }
  }

  // parity: of the slot's round of the ring.
  __device__ __forceinline__ void copy_tile(std::uint32_t thread, std::uint32_t slot,
                                            std::uint32_t parity) {
    const std::int64_t tile = tiles_.next(image_, item_);
    if (threadIdx.x == thread) {
      cuda::barrier_wait(empty(shared_, slot), parity ^ 1);
      cuda::barrier_expect_bytes(full(shared_, slot), S::kTileBytes);
      cuda::copy_bulk(stage(slot), keys_ + tile * S::kTileBytes, S::kTileBytes,
                      full(shared_, slot));
    }
  }

  const std::int32_t* image_;
  const cuda::Item& item_;
  cuda::KeyTiles tiles_;
  const std::uint8_t* keys_;
  std::uint32_t shared_;
  Ring& ring_;
};

template <typename S, bool kBulk>
struct FeedOf {
  using Type = AsyncFeed<S>;
};
template <typename S>
struct FeedOf<S, true> {
  using Type = BulkFeed<S>;
};

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
template <typename S>
using Feed = typename FeedOf<S, S::kBulk>::Type;
#else
template <typename S>
using Feed = AsyncFeed<S>;
#endif

}  // namespace twill::kernels::int8
