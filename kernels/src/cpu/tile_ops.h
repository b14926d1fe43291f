// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The loops over one tile, in fp32. All of attention on the CPU is made of these; which
// instructions they are compiled for is chosen at run time.
#pragma once

#include <cstdint>
#include <span>

#include "twill/kernels/attention.h"

namespace twill::kernels {

// Keys of one list tile, channel-major in panels: [64 / 16][head_dim][16].
inline constexpr std::int32_t kPanelWidth = 16;

// Token of position first + i is tokens[i], or first + i when tokens is null.
struct RowSource {
  const void* base = nullptr;  // of one batch row and head
  std::int64_t token_stride = 0;
  Dtype dtype = Dtype::kF32;
  const std::int32_t* tokens = nullptr;
  std::int32_t first = 0;
  std::int32_t count = 0;
};

struct TileOps {
  const char* instructions = "";  // that it was compiled for
  // rows [count, head_dim] = factor * the source's rows.
  void (*gather_rows)(const RowSource& source, std::int32_t head_dim, float factor, float* rows);
  // rows [64, head_dim] -> panels.
  void (*pack_keys)(const float* rows, std::int32_t head_dim, float* panels);
  // scores [count, 64] = queries [count, head_dim] times a tile of keys.
  void (*scores)(const float* queries, std::int32_t count, const float* panels,
                 std::int32_t head_dim, float* scores);
  // One step of the online softmax in base 2 (Milakov and Gimelshein, arXiv 1805.02867): scores
  // become weights 2^(score - maximum); the first `keys` of each row count. maximum and sum [count]
  // and out [count, head_dim] are brought to the new maximum. Sums start at 0, maxima at -infinity.
  void (*softmax_step)(float* scores, std::int32_t count, std::int32_t keys, std::int32_t head_dim,
                       float* maximum, float* sum, float* out);
  // out [count, head_dim] += weights [count, 64] times values [64, head_dim].
  void (*add_values)(const float* weights, std::int32_t count, const float* values,
                     std::int32_t head_dim, float* out);
  // out [head_dim] of `dtype` = factor * row.
  void (*store_row)(const float* row, std::int32_t head_dim, float factor, Dtype dtype, void* out);
};

// What this processor can run, the best first.
std::span<const TileOps* const> supported_tile_ops();
inline const TileOps& tile_ops() { return *supported_tile_ops().front(); }

}  // namespace twill::kernels
