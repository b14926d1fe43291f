// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Items of work: one query tile of one head of one batch row, found from a number by the plan.
#pragma once

#include "layer_view.h"
#include "twill/kernels/tiles.h"

namespace twill::kernels::cuda {

__device__ __forceinline__ std::int32_t tiles_of(std::int32_t count, std::int32_t tile) {
  return (count + tile - 1) / tile;
}

struct Item {
  std::int32_t mode = -1;  // HeadMode; -1: no work left
  std::int32_t batch = 0;
  std::int32_t head = 0;
  std::int32_t gathered = -1;  // head of the gathered tensors, or -1
  std::int32_t query_tile = 0;
  std::int32_t key_tiles = 0;  // of the list
  std::int32_t runs = 0;       // word offset of the item's runs; 0: one run of all key tiles
  std::int32_t run_count = 0;
  std::int32_t last_key_tile = 0;  // the first that is computed: runs are taken from their end
  std::int32_t positions = 0;      // word offset of position_to_token, 0: raster
};

// Finds an item of one part of the layer; every thread of the warp calls it with the same number.
template <Precision kPrecision>
class WorkList {
 public:
  __device__ explicit WorkList(const LayerView& view) : view_(view) {
    const std::int64_t variant = view.variant < 0 ? view.image[0] : view.variant;
    layer_ = view.image + view.offsets.layers +
             (variant * view.layers + view.layer) * view.offsets.layer_words;
    const CudaPart& part = reinterpret_cast<const CudaPart*>(layer_)[kPart];
    heavy_ = part.heavy;
    others_ = part.others;
    query_tiles_ = tiles_of(view.tokens, kQueryTile);
    key_tiles_ = tiles_of(view.tokens, kKeyTile);
  }

  __device__ Item find(std::int32_t number) const {
    Item item;
    if (number >= view_.batch * (heavy_ + others_)) {
      return item;
    }
    const bool first = number < view_.batch * heavy_;
    const std::int32_t among = first ? number : number - view_.batch * heavy_;
    const std::int32_t size = first ? heavy_ : others_;
    item.batch = among / size;
    const std::int32_t wanted = among % size;
    const CudaHead head = head_of(wanted, first);
    const std::int32_t slot =
        first ? wanted - head.heavy_before : wanted - head.others_before + head.heavy;
    item.mode = head.mode;
    item.head = head.head;
    item.gathered = head.gathered;
    item.query_tile = slot;
    if (head.mode == static_cast<std::int32_t>(HeadMode::kDense)) {
      item.key_tiles = key_tiles_;
      item.run_count = 1;
      item.last_key_tile = key_tiles_ - 1;
    } else if (head.mode == static_cast<std::int32_t>(HeadMode::kSparse)) {
      read_list(head.list, slot, item);
    }
    return item;
  }

 private:
  static constexpr auto kPart = static_cast<std::int32_t>(kPrecision);

  // The last head whose items begin at or before this one.
  __device__ CudaHead head_of(std::int32_t wanted, bool first) const {
    const auto* heads = reinterpret_cast<const CudaHead*>(layer_ + kCudaLayerWords);
    const auto lane = static_cast<std::int32_t>(threadIdx.x % 32);
    std::int32_t found = 0;
    for (std::int32_t base = 0; base < view_.heads; base += 32) {
      bool has_it = false;
      if (base + lane < view_.heads) {
        const CudaHead& head = heads[base + lane];
        const std::int32_t before = first ? head.heavy_before : head.others_before;
        const std::int32_t count = first ? head.heavy : query_tiles_ - head.heavy;
        has_it = head.precision == kPart && before <= wanted && wanted < before + count;
      }
      const unsigned mask = __ballot_sync(0xffffffffu, has_it);
      found = mask != 0 ? base + __ffs(static_cast<int>(mask)) - 1 : found;
    }
    return heads[found];
  }

  __device__ void read_list(std::int32_t index, std::int32_t slot, Item& item) const {
    const CudaList list =
        reinterpret_cast<const CudaList*>(view_.image + view_.offsets.lists)[index];
    item.query_tile = view_.image[list.order + slot];
    const std::int32_t begin = view_.image[list.run_begin + item.query_tile];
    const std::int32_t end = view_.image[list.run_begin + item.query_tile + 1];
    item.key_tiles = view_.image[list.tiles + item.query_tile];
    item.runs = list.runs + 2 * begin;
    item.run_count = end - begin;
    item.positions = list.positions;
    if (end > begin) {
      const std::int32_t* last = view_.image + list.runs + 2 * (end - 1);
      item.last_key_tile = last[0] + last[1] - 1;
    }
  }

  const LayerView& view_;
  const std::int32_t* layer_;
  std::int32_t heavy_;
  std::int32_t others_;
  std::int32_t query_tiles_;
  std::int32_t key_tiles_;
};

// The key tiles of an item from its last to its first, without a pause at memory: the warp holds 32
// runs and has asked for the next 32.
class KeyTileStream {
 public:
  __device__ KeyTileStream(const std::int32_t* image, const Item& item)
      : runs_(image + item.runs), is_list_(item.runs != 0), left_(item.run_count) {
    if (is_list_) {
      upcoming_ = ask();
      advance_batch();
    }
    take(is_list_ ? KeyRun{} : KeyRun{.first = 0, .count = item.key_tiles});
  }

  __device__ std::int32_t next() {
    if (tile_ < first_) {
      take(KeyRun{});
    }
    return tile_--;
  }

 private:
  __device__ KeyRun ask() const {
    const auto lane = static_cast<std::int32_t>(threadIdx.x % 32);
    KeyRun run;
    if (lane < left_) {
      const int2 words = reinterpret_cast<const int2*>(runs_)[left_ - 1 - lane];
      run = {.first = words.x, .count = words.y};
    }
    return run;
  }
  __device__ void advance_batch() {
    held_ = upcoming_;
    at_ = 0;
    left_ -= 32;
    upcoming_ = ask();
  }
  __device__ void take(KeyRun run) {
    if (is_list_) {
      if (at_ == 32) {
        advance_batch();
      }
      run = {.first = __shfl_sync(0xffffffffu, held_.first, at_),
             .count = __shfl_sync(0xffffffffu, held_.count, at_)};
      ++at_;
    }
    first_ = run.first;
    tile_ = run.first + run.count - 1;
  }

  const std::int32_t* runs_;
  bool is_list_;
  std::int32_t left_;
  KeyRun held_, upcoming_;
  std::int32_t at_ = 0;
  std::int32_t first_ = 0;
  std::int32_t tile_ = -1;
};

}  // namespace twill::kernels::cuda
