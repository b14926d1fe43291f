// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The loops over one tile. All of attention on the CPU is made of these; which instructions they
// are compiled for is chosen at run time.
//
// Operands of the products are packed into words of 32 bits that hold one fp32 channel or a pair of
// bf16 ones: `word_elements` of them. Sums are in fp32 always.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "twill/kernels/attention.h"

namespace twill::kernels {

// Rows of one batch row and head. Token of row i is tokens[i], or first + i when tokens is null.
struct RowSource {
  const void* base = nullptr;
  std::int64_t token_stride = 0;
  Dtype dtype = Dtype::kF32;
  const std::int32_t* tokens = nullptr;
  std::int32_t first = 0;
  std::int32_t count = 0;
};

// One step of attention for some queries and one tile of keys.
struct TileStep {
  const float* queries = nullptr;  // packed, [count]
  std::int32_t count = 0;
  const float* keys = nullptr;    // packed tile
  const float* values = nullptr;  // packed tile; null: only the softmax's maximum and sum
  std::int32_t keys_in_tile = 0;  // the first so many count, 1..64
  std::int32_t head_dim = 0;
  float factor = 0.0f;       // base2_factor(): above 0
  float* maximum = nullptr;  // [count] of factor x score; -infinity before the first step
  float* sum = nullptr;      // [count] of 2^(factor x score - maximum); 0 before the first step
  float* out = nullptr;      // [count, head_dim], the values by the same weights; 0 before it
};

struct TileOps {
  const char* instructions = "";  // that it was compiled for
  std::int32_t word_elements = 1;
  // Words [count, head_dim / word_elements]; negated on demand.
  void (*pack_queries)(const RowSource& source, std::int32_t head_dim, bool negate, float* words);
  // One tile of up to 64 rows, each in 64 x head_dim / word_elements words; rows that the source
  // lacks are 0.
  void (*pack_keys)(const RowSource& source, std::int32_t head_dim, float* words);
  void (*pack_values)(const RowSource& source, std::int32_t head_dim, float* words);
  // Online softmax in base 2 (Milakov and Gimelshein, arXiv 1805.02867): maximum, sum and out are
  // brought to the new maximum, then the tile is added.
  void (*step)(const TileStep& step);
  // sum [head_dim] += the source's rows.
  void (*add_rows)(const RowSource& source, std::int32_t head_dim, double* sum);
  // sum [head_dim] += weight * row.
  void (*add_scaled)(const float* row, std::int32_t head_dim, double weight, double* sum);
  // out [head_dim] of `dtype` = factor * row.
  void (*store_row)(const float* row, std::int32_t head_dim, float factor, Dtype dtype, void* out);
};

constexpr std::int64_t tile_words(const TileOps& ops, std::int32_t head_dim) {
  return std::int64_t{kKeyTile} * head_dim / ops.word_elements;
}

// What this processor can run for inputs of `dtype`, the best first.
std::span<const TileOps* const> supported_tile_ops(Dtype dtype);
// For benchmarks, before the first call of this library: better tables than `best` are passed over
// from then on. False when this processor or build has no such table.
bool limit_instructions(std::string_view best);
inline const TileOps& tile_ops(Dtype dtype) { return *supported_tile_ops(dtype).front(); }

}  // namespace twill::kernels
