// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// How the heads of a layer lie in the workspace after quantising: as the attention kernel copies
// them to shared memory, tile by tile, each piece of 16 bytes where no bank conflicts.
#pragma once

#include "twill/kernels/tiles.h"

#ifdef __CUDACC__
#define TWILL_HOST_AND_DEVICE __host__ __device__
#else
#define TWILL_HOST_AND_DEVICE
#endif

namespace twill::kernels::int8 {

// Largest magnitudes of an 8-bit factor: q, k and v are signed, weights are not.
inline constexpr float kMostSigned = 127.0f;
inline constexpr float kMostWeight = 255.0f;

// Of a row of queries: what its scores are multiplied with, in base 2, without the scale of the
// keys; and what smoothing took from all of its scores, in base 2.
struct RowScale {
  float factor;
  float offset;
};
// Behind the keys and values of a tile; 16 bytes, as pieces are.
struct TileScales {
  float keys;
  float values;
  float spare[2];
};
static_assert(sizeof(RowScale) == 8 && sizeof(TileScales) == 16);

struct Layout {
  std::int32_t tokens = 0;
  std::int32_t head_dim = 0;

  // Query tiles are of kQueryTile rows of head_dim bytes; key tiles of kKeyTile rows of keys, then
  // of head_dim rows of kKeyTile values each, then of a row of ones, 0 behind the last token, whose
  // product with the weights is their sum, then TileScales.
  TWILL_HOST_AND_DEVICE constexpr std::int64_t query_tiles() const {
    return (tokens + kQueryTile - 1) / kQueryTile;
  }
  TWILL_HOST_AND_DEVICE constexpr std::int64_t key_tiles() const {
    return (tokens + kKeyTile - 1) / kKeyTile;
  }
  TWILL_HOST_AND_DEVICE constexpr std::int64_t tile_bytes() const {
    return 2 * std::int64_t{kKeyTile} * head_dim + kKeyTile +
           static_cast<std::int64_t>(sizeof(TileScales));
  }
  // Of one head of one batch row.
  TWILL_HOST_AND_DEVICE constexpr std::int64_t query_bytes() const {
    return query_tiles() * kQueryTile * head_dim;
  }
  TWILL_HOST_AND_DEVICE constexpr std::int64_t row_scales() const {
    return query_tiles() * kQueryTile;
  }
  TWILL_HOST_AND_DEVICE constexpr std::int64_t key_bytes() const {
    return key_tiles() * tile_bytes();
  }
  // Floats: the mean of the keys, the mean of the values and their unit, by channel.
  TWILL_HOST_AND_DEVICE constexpr std::int64_t channel_floats() const {
    return 3 * std::int64_t{head_dim};
  }
};

// Where a piece of 16 bytes of a row of kPieces lies in a tile: the same piece of eight rows that
// follow each other stands in different banks.
template <int kPieces>
TWILL_HOST_AND_DEVICE constexpr std::uint32_t place_of(std::uint32_t row, std::uint32_t piece) {
  static_assert(kPieces == 4 || kPieces == 6 || kPieces % 8 == 0);
  const std::uint32_t mask = kPieces == 4 ? row / 2 % 4 : kPieces == 6 ? row / 4 % 2 : row % 8;
  return row * (16 * kPieces) + ((piece ^ mask) << 4);
}

// Weights leave the first product 8 keys a block, and the second takes 4 keys a word: so that no
// thread trades with another, the values of a tile lie in this order. `key` of the tile.
TWILL_HOST_AND_DEVICE constexpr std::uint32_t place_of_key(std::uint32_t key) {
  return key / 16 * 16 + key % 8 / 2 * 4 + key / 8 % 2 * 2 + key % 2;
}

}  // namespace twill::kernels::int8

#undef TWILL_HOST_AND_DEVICE
