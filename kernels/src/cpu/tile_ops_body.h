// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The bodies behind TileOps, written once on the compiler's vectors. They are inlined into
// functions that name their instruction set, so no function here is shared between builds.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>

#include "../elements.h"
#include "tile_ops.h"

namespace twill::kernels::body {

#if defined(__GNUC__)
#define TWILL_BODY inline __attribute__((always_inline))
#else
#define TWILL_BODY inline
#endif

inline constexpr std::int32_t kLanes = 8;
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));
using IntLanes = std::int32_t __attribute__((vector_size(kLanes * sizeof(std::int32_t))));

// Rows of the block that the product keeps in registers: 6 x 16 sums, two vectors of the right
// factor and one element of the left fill AVX2's 16 registers.
inline constexpr std::int32_t kBlockRows = 6;

TWILL_BODY void load(const float* from, Lanes& to) { std::memcpy(&to, from, sizeof(to)); }
TWILL_BODY void store(const Lanes& from, float* to) { std::memcpy(to, &from, sizeof(from)); }

// sums [Rows, 16] of left [Rows, depth] (row stride left_stride) times right [depth, 16] (row
// stride right_stride), added to out (row stride out_stride) or written there.
template <std::int32_t Rows, bool Add>
TWILL_BODY void product_block(const float* left, std::int64_t left_stride, const float* right,
                              std::int64_t right_stride, std::int32_t depth, float* out,
                              std::int64_t out_stride) {
  Lanes sums[Rows][2];
  for (std::int32_t row = 0; row < Rows; ++row) {
    if constexpr (Add) {
      load(out + row * out_stride, sums[row][0]);
      load(out + row * out_stride + kLanes, sums[row][1]);
    } else {
      sums[row][0] = Lanes{};
      sums[row][1] = Lanes{};
    }
  }
  for (std::int32_t i = 0; i < depth; ++i) {
    Lanes low;
    Lanes high;
    load(right + i * right_stride, low);
    load(right + i * right_stride + kLanes, high);
    for (std::int32_t row = 0; row < Rows; ++row) {
      const float factor = left[row * left_stride + i];
      sums[row][0] += factor * low;
      sums[row][1] += factor * high;
    }
  }
  for (std::int32_t row = 0; row < Rows; ++row) {
    store(sums[row][0], out + row * out_stride);
    store(sums[row][1], out + row * out_stride + kLanes);
  }
}

// The same for any number of rows.
template <bool Add>
TWILL_BODY void product_panel(const float* left, std::int64_t left_stride, std::int32_t rows,
                              const float* right, std::int64_t right_stride, std::int32_t depth,
                              float* out, std::int64_t out_stride) {
  std::int32_t row = 0;
  for (; row + kBlockRows <= rows; row += kBlockRows) {
    product_block<kBlockRows, Add>(left + row * left_stride, left_stride, right, right_stride,
                                   depth, out + row * out_stride, out_stride);
  }
  for (; row + 2 <= rows; row += 2) {
    product_block<2, Add>(left + row * left_stride, left_stride, right, right_stride, depth,
                          out + row * out_stride, out_stride);
  }
  if (row < rows) {
    product_block<1, Add>(left + row * left_stride, left_stride, right, right_stride, depth,
                          out + row * out_stride, out_stride);
  }
}

// x becomes 2^x for x <= 0; below -126 it is taken for -126. The polynomial is the minimax one of
// degree 6 on -0.5..0.5: relative error 2e-9, so what remains is fp32's rounding (2 units in the
// last place).
TWILL_BODY void exp2_not_positive(Lanes& x) {
  constexpr float kRound = 0x1.8p23f;  // adding it leaves the nearest integer in the low bits
  const Lanes least = Lanes{} - 126.0f;
  x = x < least ? least : x;
  const Lanes shifted = x + kRound;
  const Lanes f = x - (shifted - kRound);
  Lanes power = Lanes{} + 0x1.41d332p-13f;
  power = power * f + 0x1.5f456ap-10f;
  power = power * f + 0x1.3b2dbcp-7f;
  power = power * f + 0x1.c6aed4p-5f;
  power = power * f + 0x1.ebfbdap-3f;
  power = power * f + 0x1.62e430p-1f;
  power = power * f + 1.0f;
  IntLanes exponent;
  std::memcpy(&exponent, &shifted, sizeof(exponent));
  IntLanes bits;
  std::memcpy(&bits, &power, sizeof(bits));
  bits += (exponent - std::bit_cast<std::int32_t>(kRound)) << 23;
  std::memcpy(&x, &bits, sizeof(x));
}

TWILL_BODY void larger(const Lanes& x, Lanes& most) { most = x > most ? x : most; }

TWILL_BODY void scores(const float* queries, std::int32_t count, const float* panels,
                       std::int32_t head_dim, float* out) {
  for (std::int32_t panel = 0; panel < kKeyTile / kPanelWidth; ++panel) {
    product_panel<false>(queries, head_dim, count, panels + panel * kPanelWidth * head_dim,
                         kPanelWidth, head_dim, out + panel * kPanelWidth, kKeyTile);
  }
}

TWILL_BODY void add_values(const float* weights, std::int32_t count, const float* values,
                           std::int32_t head_dim, float* out) {
  for (std::int32_t channel = 0; channel < head_dim; channel += kPanelWidth) {
    product_panel<true>(weights, kKeyTile, count, values + channel, head_dim, kKeyTile,
                        out + channel, head_dim);
  }
}

TWILL_BODY void softmax_step(float* scores, std::int32_t count, std::int32_t keys,
                             std::int32_t head_dim, float* maximum, float* sum, float* out) {
  for (std::int32_t row = 0; row < count; ++row) {
    float* s = scores + row * kKeyTile;
    for (std::int32_t key = keys; key < kKeyTile; ++key) {
      s[key] = -std::numeric_limits<float>::infinity();
    }
    Lanes lanes[kKeyTile / kLanes];
    Lanes most;
    load(s, most);
    for (std::int32_t i = 0; i < kKeyTile / kLanes; ++i) {
      load(s + i * kLanes, lanes[i]);
      larger(lanes[i], most);
    }
    float top = maximum[row];
    for (std::int32_t lane = 0; lane < kLanes; ++lane) {
      top = most[lane] > top ? most[lane] : top;
    }
    if (top > maximum[row]) {
      // From -infinity the factor is 2^-126, and what it scales is 0.
      Lanes factor = Lanes{} + (maximum[row] - top);
      exp2_not_positive(factor);
      sum[row] *= factor[0];
      for (std::int32_t channel = 0; channel < head_dim; channel += kLanes) {
        Lanes o;
        load(out + row * head_dim + channel, o);
        o *= factor;
        store(o, out + row * head_dim + channel);
      }
      maximum[row] = top;
    }
    Lanes total{};
    for (std::int32_t i = 0; i < kKeyTile / kLanes; ++i) {
      lanes[i] -= top;
      exp2_not_positive(lanes[i]);
      total += lanes[i];
      store(lanes[i], s + i * kLanes);
    }
    float row_sum = 0.0f;
    for (std::int32_t lane = 0; lane < kLanes; ++lane) {
      row_sum += total[lane];
    }
    sum[row] += row_sum;
  }
}

template <typename Element>
TWILL_BODY void gather_rows_of(const RowSource& source, std::int32_t head_dim, float factor,
                               float* rows) {
  for (std::int32_t i = 0; i < source.count; ++i) {
    const std::int64_t token = source.tokens != nullptr ? source.tokens[i] : source.first + i;
    const auto* from = static_cast<const Element*>(source.base) + token * source.token_stride;
    for (std::int32_t channel = 0; channel < head_dim; ++channel) {
      rows[static_cast<std::int64_t>(i) * head_dim + channel] = to_float(from[channel]) * factor;
    }
  }
}

TWILL_BODY void gather_rows(const RowSource& source, std::int32_t head_dim, float factor,
                            float* rows) {
  switch (source.dtype) {
    case Dtype::kF32:
      return gather_rows_of<float>(source, head_dim, factor, rows);
    case Dtype::kBf16:
      return gather_rows_of<Bf16>(source, head_dim, factor, rows);
    case Dtype::kF16:
      return gather_rows_of<F16>(source, head_dim, factor, rows);
  }
}

TWILL_BODY void pack_keys(const float* rows, std::int32_t head_dim, float* panels) {
  for (std::int32_t panel = 0; panel < kKeyTile / kPanelWidth; ++panel) {
    const float* from = rows + panel * kPanelWidth * head_dim;
    float* to = panels + panel * kPanelWidth * head_dim;
    for (std::int32_t channel = 0; channel < head_dim; ++channel) {
      for (std::int32_t key = 0; key < kPanelWidth; ++key) {
        to[channel * kPanelWidth + key] = from[key * head_dim + channel];
      }
    }
  }
}

template <typename Element>
TWILL_BODY void store_row_as(const float* row, std::int32_t head_dim, float factor, void* out) {
  for (std::int32_t channel = 0; channel < head_dim; ++channel) {
    from_float(row[channel] * factor, static_cast<Element*>(out)[channel]);
  }
}

TWILL_BODY void store_row(const float* row, std::int32_t head_dim, float factor, Dtype dtype,
                          void* out) {
  switch (dtype) {
    case Dtype::kF32:
      return store_row_as<float>(row, head_dim, factor, out);
    case Dtype::kBf16:
      return store_row_as<Bf16>(row, head_dim, factor, out);
    case Dtype::kF16:
      return store_row_as<F16>(row, head_dim, factor, out);
  }
}

}  // namespace twill::kernels::body
