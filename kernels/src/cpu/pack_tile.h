// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Keys and values of one head in a token order, ready for the tile loops.
#pragma once

#include <cstdint>
#include <memory>
#include <new>

#include "tile_ops.h"

namespace twill::kernels {

inline constexpr std::size_t kCacheLine = 64;

struct AlignedDelete {
  void operator()(float* memory) const {
    ::operator delete[](memory, std::align_val_t(kCacheLine));
  }
};
using FloatBuffer = std::unique_ptr<float[], AlignedDelete>;

// Not initialised.
inline FloatBuffer make_buffer(std::int64_t floats) {
  return FloatBuffer(static_cast<float*>(::operator new[](
      static_cast<std::size_t>(floats) * sizeof(float), std::align_val_t(kCacheLine))));
}

// Where one batch row and head of a tensor begins.
struct HeadRows {
  const void* base = nullptr;
  std::int64_t token_stride = 0;
};

// One tile of keys in panels and of values [64, head_dim]; rows past the last token are 0.
// `scratch` holds 64 x head_dim floats.
void pack_tile(const TileOps& ops, const HeadRows& keys, const HeadRows& values, Dtype dtype,
               const std::int32_t* position_to_token, std::int32_t tile, std::int32_t tokens,
               std::int32_t head_dim, float* scratch, float* key_panels, float* value_rows);

}  // namespace twill::kernels
