// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "tile_ops.h"

#include "tile_ops_body.h"

namespace twill::kernels {
namespace {

// Defines a namespace with every operation compiled for an instruction set, and their table.
#define TWILL_TILE_OPS(variant, target)                                                            \
  namespace variant {                                                                              \
  target void gather_rows(const RowSource& source, std::int32_t head_dim, float factor,            \
                          float* rows) {                                                           \
    body::gather_rows(source, head_dim, factor, rows);                                             \
  }                                                                                                \
  target void pack_keys(const float* rows, std::int32_t head_dim, float* panels) {                 \
    body::pack_keys(rows, head_dim, panels);                                                       \
  }                                                                                                \
  target void scores(const float* queries, std::int32_t count, const float* panels,                \
                     std::int32_t head_dim, float* out) {                                          \
    body::scores(queries, count, panels, head_dim, out);                                           \
  }                                                                                                \
  target void softmax_step(float* s, std::int32_t count, std::int32_t keys, std::int32_t head_dim, \
                           float* maximum, float* sum, float* out) {                               \
    body::softmax_step(s, count, keys, head_dim, maximum, sum, out);                               \
  }                                                                                                \
  target void add_values(const float* weights, std::int32_t count, const float* values,            \
                         std::int32_t head_dim, float* out) {                                      \
    body::add_values(weights, count, values, head_dim, out);                                       \
  }                                                                                                \
  target void store_row(const float* row, std::int32_t head_dim, float factor, Dtype dtype,        \
                        void* out) {                                                               \
    body::store_row(row, head_dim, factor, dtype, out);                                            \
  }                                                                                                \
  constexpr TileOps kOps{#variant,     gather_rows, pack_keys, scores,                             \
                         softmax_step, add_values,  store_row};                                    \
  }

TWILL_TILE_OPS(portable, )
#if defined(__x86_64__) && defined(__GNUC__)
TWILL_TILE_OPS(avx2, __attribute__((target("avx2,fma"))))
#endif

#undef TWILL_TILE_OPS

}  // namespace

std::span<const TileOps* const> supported_tile_ops() {
#if defined(__x86_64__) && defined(__GNUC__)
  static constexpr const TileOps* kAll[] = {&avx2::kOps, &portable::kOps};
  static const bool has_avx2 =
      __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  return std::span(kAll).subspan(has_avx2 ? 0 : 1);
#else
  static constexpr const TileOps* kAll[] = {&portable::kOps};
  return kAll;
#endif
}

}  // namespace twill::kernels
