// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "pack_tile.h"

#include <algorithm>

namespace twill::kernels {

void pack_tile(const TileOps& ops, const HeadRows& keys, const HeadRows& values, Dtype dtype,
               const std::int32_t* position_to_token, std::int32_t tile, std::int32_t tokens,
               std::int32_t head_dim, float* scratch, float* key_panels, float* value_rows) {
  const std::int32_t first = tile * kKeyTile;
  const std::int32_t count = std::min(kKeyTile, tokens - first);
  const auto source = [&](const HeadRows& rows) {
    return RowSource{.base = rows.base,
                     .token_stride = rows.token_stride,
                     .dtype = dtype,
                     .tokens = position_to_token != nullptr ? position_to_token + first : nullptr,
                     .first = first,
                     .count = count};
  };
  const auto clear_rest = [&](float* rows) {
    std::fill(rows + count * head_dim, rows + kKeyTile * head_dim, 0.0f);
  };
  ops.gather_rows(source(keys), head_dim, 1.0f, scratch);
  clear_rest(scratch);
  ops.pack_keys(scratch, head_dim, key_panels);
  ops.gather_rows(source(values), head_dim, 1.0f, value_rows);
  clear_rest(value_rows);
}

}  // namespace twill::kernels
