// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The key tiles of an item of work, for kernels whose threads all walk the list.
#pragma once

#include "work.cuh"

namespace twill::kernels::cuda {

// The key tiles of an item from its last to its first. All threads hold the same. Two counts share
// a register (kMostKeyTiles), for registers are what bounds the kernel.
class KeyTiles {
 public:
  __device__ KeyTiles(const std::int32_t* image, const Item& item)
      : at_(item.runs + 2 * item.run_count) {
    upcoming_ = item.runs != 0 ? ask(image) : static_cast<std::uint32_t>(item.key_tiles);
    take(image, item);
  }

  __device__ __forceinline__ std::int32_t next(const std::int32_t* image, const Item& item) {
    if (left_ == 0) {
      take(image, item);
    }
    --left_;
    return --end_;
  }

 private:
  __device__ __forceinline__ std::uint32_t ask(const std::int32_t* image) {
    at_ -= 2;
    const int2 run = __ldg(reinterpret_cast<const int2*>(image + at_));
    return static_cast<std::uint32_t>(run.x) << 16 | static_cast<std::uint32_t>(run.y);
  }
  __device__ __forceinline__ void take(const std::int32_t* image, const Item& item) {
    left_ = static_cast<std::int32_t>(upcoming_ & 0xffff);
    end_ = static_cast<std::int32_t>(upcoming_ >> 16) + left_;
    if (at_ > item.runs && item.runs != 0) {
      upcoming_ = ask(image);
    }
  }

  std::int32_t at_;         // word of the upcoming run
  std::uint32_t upcoming_;  // first << 16 | count, asked for before it is needed
  std::int32_t end_;
  std::int32_t left_;
};

}  // namespace twill::kernels::cuda
