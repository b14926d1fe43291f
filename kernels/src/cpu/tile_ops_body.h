// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The bodies behind TileOps, written once on the compiler's vectors. Each instruction set has a
// file of its own that says what to compile for (TWILL_TARGET), includes this one and names its
// registers in an `Isa`:
//   kLanes         fp32 lanes of a vector
//   kBlockRows     rows of the block of sums that a product keeps in registers,
//   kBlockVectors  and its width in vectors
//   kWordElements  channels of a word (see tile_ops.h)
//   multiply_add   sums += a word of the left factor times a vector of words of the right one
//   store_weights  64 weights of a row in fp32 -> words
// Everything is inlined there, so that no function is shared between instruction sets; and the
// target is on only behind the other headers, so that none of their functions is compiled for it.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include "../elements.h"
#include "tile_ops.h"

#if defined(TWILL_TARGET)
#define TWILL_PRAGMA_OF(text) _Pragma(#text)
#define TWILL_PRAGMA(text) TWILL_PRAGMA_OF(text)
#if defined(__clang__)
TWILL_PRAGMA(clang attribute push(__attribute__((target(TWILL_TARGET))), apply_to = function))
// Stands at the end of each file that names a target: Clang wants its region closed.
#define TWILL_TARGET_END TWILL_PRAGMA(clang attribute pop)
#else
TWILL_PRAGMA(GCC target(TWILL_TARGET))
#define TWILL_TARGET_END
#endif
#endif

namespace twill::kernels::body {

#if defined(__GNUC__)
#define TWILL_BODY inline __attribute__((always_inline))
#else
#define TWILL_BODY inline
#endif

template <std::int32_t Lanes>
struct VectorOf {
  typedef float Float __attribute__((vector_size(Lanes * sizeof(float))));
  typedef std::int32_t Int __attribute__((vector_size(Lanes * sizeof(std::int32_t))));
  // As it lies in memory. (A memcpy of a vector in a loop is taken for one of an array and cut in
  // halves, whose stores the loads that follow must wait for.)
  typedef float Unaligned
      __attribute__((vector_size(Lanes * sizeof(float)), aligned(sizeof(float)), may_alias));
};
template <class Isa>
using Vector = typename VectorOf<Isa::kLanes>::Float;

template <class V>
using UnalignedOf = typename VectorOf<sizeof(V) / sizeof(float)>::Unaligned;
template <class V>
TWILL_BODY void load(const float* from, V& to) {
  to = *reinterpret_cast<const UnalignedOf<V>*>(from);
}
template <class V>
TWILL_BODY void store(const V& from, float* to) {
  *reinterpret_cast<UnalignedOf<V>*>(to) = from;
}
template <class V>
TWILL_BODY void larger(const V& x, V& most) {
  most = x > most ? x : most;
}

template <class V, int... Lane>
TWILL_BODY void swap_lanes(const V& x, V& swapped, std::integer_sequence<int, Lane...>) {
  swapped = __builtin_shufflevector(x, x, Lane...);
}
template <int Distance, int... Lane>
constexpr auto across(std::integer_sequence<int, Lane...>) {
  return std::integer_sequence<int, (Lane ^ Distance)...>{};
}
// Every lane becomes the largest, or the sum, of all. Pairs are joined in the same order whatever
// the values.
template <bool Largest, int Distance, class V>
TWILL_BODY void reduce_lanes(V& x) {
  if constexpr (Distance > 0) {
    V other;
    constexpr int kLanes = sizeof(V) / sizeof(float);
    swap_lanes(x, other, across<Distance>(std::make_integer_sequence<int, kLanes>{}));
    if constexpr (Largest) {
      larger(other, x);
    } else {
      x += other;
    }
    reduce_lanes<Largest, Distance / 2>(x);
  }
}

// x becomes 2^x for x up to 127; below -126 it is taken for -126. The polynomial is the minimax
// one of degree 6 on -0.5..0.5: relative error 2e-9, so what remains is fp32's rounding (2 units in
// the last place).
template <class Isa>
TWILL_BODY void exp2_of(Vector<Isa>& x) {
  using IntVector = typename VectorOf<Isa::kLanes>::Int;
  constexpr float kRound = 0x1.8p23f;  // adding it leaves the nearest integer in the low bits
  const Vector<Isa> least = Vector<Isa>{} - 126.0f;
  x = least > x ? least : x;
  const Vector<Isa> shifted = x + kRound;
  const Vector<Isa> f = x - (shifted - kRound);
  Vector<Isa> power = Vector<Isa>{} + 0x1.41d332p-13f;
  power = power * f + 0x1.5f456ap-10f;
  power = power * f + 0x1.3b2dbcp-7f;
  power = power * f + 0x1.c6aed4p-5f;
  power = power * f + 0x1.ebfbdap-3f;
  power = power * f + 0x1.62e430p-1f;
  power = power * f + 1.0f;
  IntVector exponent;
  std::memcpy(&exponent, &shifted, sizeof(exponent));
  IntVector bits;
  std::memcpy(&bits, &power, sizeof(bits));
  bits += (exponent - std::bit_cast<std::int32_t>(kRound)) << 23;
  std::memcpy(&x, &bits, sizeof(x));
}

// ---- Products of panels

// sums [Rows, Vectors x lanes] of left [Rows, depth] (row stride left_stride) times the panel right
// [depth, Vectors x lanes], depth in words, added to out (row stride out_stride) or written there.
template <class Isa, std::int32_t Rows, std::int32_t Vectors, bool Add>
TWILL_BODY void product_block(const float* left, std::int64_t left_stride, const float* right,
                              std::int32_t depth, float* out, std::int64_t out_stride) {
  Vector<Isa> sums[Rows][Vectors];
  for (std::int32_t row = 0; row < Rows; ++row) {
    for (std::int32_t v = 0; v < Vectors; ++v) {
      sums[row][v] = Vector<Isa>{};
    }
  }
  for (std::int32_t i = 0; i < depth; ++i) {
    Vector<Isa> words[Vectors];
    for (std::int32_t v = 0; v < Vectors; ++v) {
      load(right + (i * Vectors + v) * Isa::kLanes, words[v]);
    }
    for (std::int32_t row = 0; row < Rows; ++row) {
      for (std::int32_t v = 0; v < Vectors; ++v) {
        Isa::multiply_add(left[row * left_stride + i], words[v], sums[row][v]);
      }
    }
  }
  for (std::int32_t row = 0; row < Rows; ++row) {
    for (std::int32_t v = 0; v < Vectors; ++v) {
      float* to = out + row * out_stride + v * Isa::kLanes;
      if constexpr (Add) {
        // Only now: sums of sums round less than one long sum.
        Vector<Isa> before;
        load(to, before);
        sums[row][v] += before;
      }
      store(sums[row][v], to);
    }
  }
}

// The same for any number of rows.
template <class Isa, std::int32_t Vectors, bool Add>
TWILL_BODY void product_panel(const float* left, std::int64_t left_stride, std::int32_t rows,
                              const float* right, std::int32_t depth, float* out,
                              std::int64_t out_stride) {
  const auto block = [&]<std::int32_t Rows>(std::int32_t row) __attribute__((always_inline)) {
    product_block<Isa, Rows, Vectors, Add>(left + row * left_stride, left_stride, right, depth,
                                           out + row * out_stride, out_stride);
  };
  std::int32_t row = 0;
  // What is left over is kept away from blocks of 1 and 2 rows: they wait for their own sums.
  while (rows - row >= Isa::kBlockRows && rows - row != 8) {
    block.template operator()<Isa::kBlockRows>(row);
    row += Isa::kBlockRows;
  }
  for (; row + 4 <= rows; row += 4) {
    block.template operator()<4>(row);
  }
  for (; row < rows; ++row) {
    block.template operator()<1>(row);
  }
}

template <class Isa>
inline constexpr std::int32_t kPanelWidth = Isa::kLanes* Isa::kBlockVectors;

// All panels of `width` columns: the last may have fewer vectors.
template <class Isa, bool Add>
TWILL_BODY void product(const float* left, std::int64_t left_stride, std::int32_t rows,
                        const float* right, std::int32_t width, std::int32_t depth, float* out,
                        std::int64_t out_stride) {
  std::int32_t column = 0;
  for (; column + kPanelWidth<Isa> <= width; column += kPanelWidth<Isa>) {
    product_panel<Isa, Isa::kBlockVectors, Add>(left, left_stride, rows, right + column * depth,
                                                depth, out + column, out_stride);
  }
  for (; column < width; column += Isa::kLanes) {
    product_panel<Isa, 1, Add>(left, left_stride, rows, right + column * depth, depth, out + column,
                               out_stride);
  }
}

// ---- The step

// A maximum that grows by no more than this stays: weights of up to 2^8 do no harm in fp32, and
// what was summed need not be brought to the new one.
inline constexpr float kMostGrowth = 8.0f;

// Scores of a row become weights 2^(factor x score - maximum), in words.
template <class Isa>
TWILL_BODY void softmax_row(const TileStep& step, std::int32_t row, float* scores) {
  using V = Vector<Isa>;
  constexpr std::int32_t kVectors = kKeyTile / Isa::kLanes;
  for (std::int32_t key = step.keys_in_tile; key < kKeyTile; ++key) {
    scores[key] = -std::numeric_limits<float>::infinity();
  }
  V lanes[kVectors];
  for (std::int32_t i = 0; i < kVectors; ++i) {
    load(scores + i * Isa::kLanes, lanes[i]);
  }
  V most = lanes[0];
  for (std::int32_t i = 1; i < kVectors; ++i) {
    larger(lanes[i], most);
  }
  reduce_lanes<true, Isa::kLanes / 2>(most);
  most *= step.factor;
  const float before = step.maximum[row];
  if (most[0] > before + kMostGrowth) {
    step.maximum[row] = most[0];
    if (before > -std::numeric_limits<float>::infinity()) {
      V shrink = before - most;
      exp2_of<Isa>(shrink);
      step.sum[row] *= shrink[0];
      if (step.values != nullptr) {
        float* out = step.out + static_cast<std::int64_t>(row) * step.head_dim;
        for (std::int32_t channel = 0; channel < step.head_dim; channel += Isa::kLanes) {
          V o;
          load(out + channel, o);
          o *= shrink;
          store(o, out + channel);
        }
      }
    }
  }
  const V top = V{} + step.maximum[row];
  for (std::int32_t i = 0; i < kVectors; ++i) {
    lanes[i] = lanes[i] * step.factor - top;
    exp2_of<Isa>(lanes[i]);
  }
  V total = lanes[0];
  for (std::int32_t i = 1; i < kVectors; ++i) {
    total += lanes[i];
  }
  reduce_lanes<false, Isa::kLanes / 2>(total);
  step.sum[row] += total[0];
  Isa::store_weights(lanes, scores);
}

template <class Isa>
TWILL_BODY void step(const TileStep& step) {
  // Few enough rows for their scores to stay in the first cache.
  constexpr std::int32_t kRows = 4 * Isa::kBlockRows;
  alignas(64) float scores[kRows * kKeyTile];
  const std::int32_t row_words = step.head_dim / Isa::kWordElements;
  for (std::int32_t first = 0; first < step.count; first += kRows) {
    const std::int32_t rows = step.count - first < kRows ? step.count - first : kRows;
    product<Isa, false>(step.queries + static_cast<std::int64_t>(first) * row_words, row_words,
                        rows, step.keys, kKeyTile, row_words, scores, kKeyTile);
    for (std::int32_t row = 0; row < rows; ++row) {
      softmax_row<Isa>(step, first + row, scores + row * kKeyTile);
    }
    if (step.values != nullptr) {
      product<Isa, true>(
          scores, kKeyTile, rows, step.values, step.head_dim, kKeyTile / Isa::kWordElements,
          step.out + static_cast<std::int64_t>(first) * step.head_dim, step.head_dim);
    }
  }
}

// ---- Packing

TWILL_BODY std::int64_t token_of(const RowSource& source, std::int32_t row) {
  return source.tokens != nullptr ? source.tokens[row] : source.first + row;
}

template <typename Element>
TWILL_BODY const Element* row_of(const RowSource& source, std::int32_t row) {
  return static_cast<const Element*>(source.base) + token_of(source, row) * source.token_stride;
}

// The words of one row of the source. A bf16 word is what lies in memory.
template <class Isa, typename Element>
TWILL_BODY void row_words(const Element* from, std::int32_t head_dim, bool negate, float* words) {
  if constexpr (Isa::kWordElements == 2) {
    const std::uint32_t flip = negate ? 0x80008000u : 0;
    for (std::int32_t i = 0; i < head_dim / 2; ++i) {
      std::uint32_t bits;
      std::memcpy(&bits, from + 2 * i, sizeof(bits));
      bits ^= flip;
      std::memcpy(words + i, &bits, sizeof(bits));
    }
  } else {
    const float sign = negate ? -1.0f : 1.0f;
    for (std::int32_t channel = 0; channel < head_dim; ++channel) {
      words[channel] = to_float(from[channel]) * sign;
    }
  }
}

// Words of pairs are made of bf16 only.
template <class Isa, typename Call>
TWILL_BODY void with_source_element(Dtype dtype, const Call& call) {
  if (Isa::kWordElements == 2 || dtype == Dtype::kBf16) {
    return call(Bf16{});
  }
  if constexpr (Isa::kWordElements == 1) {
    dtype == Dtype::kF32 ? call(float{}) : call(F16{});
  }
}

template <class Isa>
TWILL_BODY void pack_queries(const RowSource& source, std::int32_t head_dim, bool negate,
                             float* words) {
  with_source_element<Isa>(source.dtype, [&]<typename Element>(Element) {
    for (std::int32_t row = 0; row < source.count; ++row) {
      row_words<Isa>(row_of<Element>(source, row), head_dim, negate,
                     words + static_cast<std::int64_t>(row) * (head_dim / Isa::kWordElements));
    }
  });
}

// Of lanes x lanes words: lane j of vector i and lane i of vector j change places.
template <int Distance, class V, int... Lane>
TWILL_BODY void transpose_blocks(V* x, std::integer_sequence<int, Lane...>) {
  constexpr int kLanes = sizeof...(Lane);
  for (int i = 0; i < kLanes; ++i) {
    if ((i & Distance) == 0) {
      const V upper = x[i];
      const V lower = x[i + Distance];
      x[i] = __builtin_shufflevector(upper, lower,
                                     (Lane & Distance ? Lane - Distance + kLanes : Lane)...);
      x[i + Distance] = __builtin_shufflevector(
          upper, lower, (Lane & Distance ? Lane + kLanes : Lane + Distance)...);
    }
  }
  if constexpr (Distance > 1) {
    transpose_blocks<Distance / 2>(x, std::integer_sequence<int, Lane...>{});
  }
}

// Panels [64 / width][head_dim words][width].
template <class Isa>
TWILL_BODY void pack_keys(const RowSource& source, std::int32_t head_dim, float* words) {
  constexpr std::int32_t kLanes = Isa::kLanes;
  constexpr std::int32_t kWidth = kPanelWidth<Isa>;
  constexpr std::int32_t kMostWords = 256;
  static_assert(kKeyTile % kWidth == 0);
  const std::int32_t depth = head_dim / Isa::kWordElements;
  float rows[kLanes * kMostWords];
  for (std::int32_t first = 0; first < kKeyTile; first += kLanes) {
    with_source_element<Isa>(source.dtype, [&]<typename Element>(Element) {
      for (std::int32_t row = 0; row < kLanes; ++row) {
        if (first + row < source.count) {
          row_words<Isa>(row_of<Element>(source, first + row), head_dim, false, rows + row * depth);
        } else {
          std::memset(rows + row * depth, 0, static_cast<std::size_t>(depth) * sizeof(float));
        }
      }
    });
    float* to = words + first / kWidth * kWidth * depth + first % kWidth;
    std::int32_t i = 0;
    for (; i + kLanes <= depth; i += kLanes) {
      Vector<Isa> block[kLanes];
      for (std::int32_t row = 0; row < kLanes; ++row) {
        load(rows + row * depth + i, block[row]);
      }
      transpose_blocks<kLanes / 2>(block, std::make_integer_sequence<int, kLanes>{});
      for (std::int32_t row = 0; row < kLanes; ++row) {
        store(block[row], to + (i + row) * kWidth);
      }
    }
    for (; i < depth; ++i) {
      for (std::int32_t row = 0; row < kLanes; ++row) {
        to[i * kWidth + row] = rows[row * depth + i];
      }
    }
  }
}

// Panels [head_dim / width][64 keys in words][width]; what full panels leave over stands in panels
// of one vector.
template <class Isa>
TWILL_BODY void pack_values(const RowSource& source, std::int32_t head_dim, float* words) {
  constexpr std::int32_t kDepth = kKeyTile / Isa::kWordElements;
  constexpr std::int32_t kWidth = kPanelWidth<Isa>;
  static constexpr std::uint16_t kNoRow[256] = {};
  const std::int32_t full = head_dim / kWidth * kWidth;
  for (std::int32_t i = 0; i < kDepth; ++i) {
    const auto pack = [&](std::int32_t channel, std::int32_t width, const auto& word_of)
        __attribute__((always_inline)) {
      float* to = words + channel * kDepth + i * width;
      for (std::int32_t c = 0; c < width; ++c) {
        word_of(channel + c, to[c]);
      }
    };
    const auto pack_row = [&](const auto& word_of) __attribute__((always_inline)) {
      for (std::int32_t channel = 0; channel < full; channel += kWidth) {
        pack(channel, kWidth, word_of);
      }
      for (std::int32_t channel = full; channel < head_dim; channel += Isa::kLanes) {
        pack(channel, Isa::kLanes, word_of);
      }
    };
    if constexpr (Isa::kWordElements == 2) {
      // A word is the same channel of two neighbouring keys.
      const auto bits_of = [&](std::int32_t key) __attribute__((always_inline)) {
        return key < source.count
                   ? reinterpret_cast<const std::uint16_t*>(row_of<Bf16>(source, key))
                   : kNoRow;
      };
      const std::uint16_t* even = bits_of(2 * i);
      const std::uint16_t* odd = bits_of(2 * i + 1);
      pack_row([&](std::int32_t channel, float& word) __attribute__((always_inline)) {
        word = std::bit_cast<float>(even[channel] | static_cast<std::uint32_t>(odd[channel]) << 16);
      });
    } else if (i < source.count) {
      with_source_element<Isa>(source.dtype, [&]<typename Element>(Element) {
        const Element* from = row_of<Element>(source, i);
        pack_row([&](std::int32_t channel, float& word)
                     __attribute__((always_inline)) { word = to_float(from[channel]); });
      });
    } else {
      pack_row([](std::int32_t, float& word) { word = 0.0f; });
    }
  }
}

template <class Isa>
TWILL_BODY void add_rows(const RowSource& source, std::int32_t head_dim, double* sum) {
  with_source_element<Isa>(source.dtype, [&]<typename Element>(Element) {
    for (std::int32_t row = 0; row < source.count; ++row) {
      const Element* from = row_of<Element>(source, row);
      for (std::int32_t channel = 0; channel < head_dim; ++channel) {
        sum[channel] += static_cast<double>(to_float(from[channel]));
      }
    }
  });
}

TWILL_BODY void add_scaled(const float* __restrict row, std::int32_t head_dim, double weight,
                           double* __restrict sum) {
  for (std::int32_t channel = 0; channel < head_dim; ++channel) {
    sum[channel] += weight * static_cast<double>(row[channel]);
  }
}

template <typename Element>
TWILL_BODY void store_row_as(const float* row, std::int32_t head_dim, float factor, void* out) {
  for (std::int32_t channel = 0; channel < head_dim; ++channel) {
    from_float(row[channel] * factor, static_cast<Element*>(out)[channel]);
  }
}

template <class Isa>
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

// What fp32 instruction sets share.
template <std::int32_t Lanes, std::int32_t BlockRows, std::int32_t BlockVectors>
struct Fp32Isa {
  static constexpr std::int32_t kLanes = Lanes;
  static constexpr std::int32_t kBlockRows = BlockRows;
  static constexpr std::int32_t kBlockVectors = BlockVectors;
  static constexpr std::int32_t kWordElements = 1;
  using V = typename VectorOf<Lanes>::Float;

  static TWILL_BODY void multiply_add(float left, const V& right, V& sums) { sums += left * right; }
  static TWILL_BODY void store_weights(const V* lanes, float* words) {
    for (std::int32_t i = 0; i < kKeyTile / Lanes; ++i) {
      store(lanes[i], words + i * Lanes);
    }
  }
};

template <class Isa>
constexpr TileOps table(const char* instructions) {
  return {.instructions = instructions,
          .word_elements = Isa::kWordElements,
          .pack_queries = [](const RowSource& source, std::int32_t head_dim, bool negate,
                             float* words) { pack_queries<Isa>(source, head_dim, negate, words); },
          .pack_keys = [](const RowSource& source, std::int32_t head_dim,
                          float* words) { pack_keys<Isa>(source, head_dim, words); },
          .pack_values = [](const RowSource& source, std::int32_t head_dim,
                            float* words) { pack_values<Isa>(source, head_dim, words); },
          .step = [](const TileStep& tile) { body::step<Isa>(tile); },
          .add_rows = [](const RowSource& source, std::int32_t head_dim,
                         double* sum) { add_rows<Isa>(source, head_dim, sum); },
          .add_scaled = [](const float* row, std::int32_t head_dim, double weight,
                           double* sum) { add_scaled(row, head_dim, weight, sum); },
          .store_row = [](const float* row, std::int32_t head_dim, float factor, Dtype dtype,
                          void* out) { store_row<Isa>(row, head_dim, factor, dtype, out); }};
}

}  // namespace twill::kernels::body
