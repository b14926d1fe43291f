// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The rows that a tile of one head stands for, and memory for what is packed of them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "../elements.h"
#include "tile_ops.h"

namespace twill::kernels {

struct FreeBuffer {
  void operator()(float* memory) const;
};
using FloatBuffer = std::unique_ptr<float[], FreeBuffer>;

// Not initialised.
FloatBuffer make_buffer(std::int64_t floats);

// All rows of one batch row and head, in raster order.
inline RowSource head_rows(const void* base, const Strides& strides, Dtype dtype,
                           std::int32_t batch, std::int32_t head, std::int32_t tokens) {
  return {.base = element_at(base, batch * strides.batch + head * strides.head, dtype),
          .token_stride = strides.token,
          .dtype = dtype,
          .count = tokens};
}

// Those of one tile of `size` positions; order: position -> token, null for raster.
inline RowSource tile_rows(const RowSource& head, const std::int32_t* order, std::int32_t tile,
                           std::int32_t size) {
  RowSource rows = head;
  rows.first = tile * size;
  rows.tokens = order != nullptr ? order + rows.first : nullptr;
  rows.count = std::min(size, head.count - rows.first);
  return rows;
}

}  // namespace twill::kernels
