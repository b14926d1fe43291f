// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The list tile, and how a kernel is told of a head; in device code too.
#pragma once

#include "twill/kernels/integers.h"

namespace twill::kernels {

// The list tile is the same on every backend, the oracle included (design: "list tile").
inline constexpr std::int32_t kQueryTile = 128;
inline constexpr std::int32_t kKeyTile = 64;

constexpr std::int32_t tile_count(std::int64_t tokens, std::int32_t tile) {
  return static_cast<std::int32_t>((tokens + tile - 1) / tile);
}

// `count` consecutive key tiles from `first`. Runs of one query tile are sorted and neither overlap
// nor touch.
struct KeyRun {
  std::int32_t first = 0;
  std::int32_t count = 0;

  friend bool operator==(const KeyRun&, const KeyRun&) = default;
};

enum class HeadMode : std::uint8_t {
  kDense,   // every key
  kSparse,  // the keys of a tile list
  kSkip,    // output 0
  kMean,    // output the mean of all values
};

// What the two products of a head are computed in.
enum class Precision : std::uint8_t {
  kBf16,  // in elements of q, k and v, whichever 16 or 32 bits these have
  kInt8,  // quantised to 8 bits, where a kernel does that; the CPU kernels compute it as kBf16
};

}  // namespace twill::kernels
