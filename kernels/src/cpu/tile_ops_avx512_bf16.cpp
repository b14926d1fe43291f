// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "tile_ops_isa.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#define TWILL_TARGET "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c"
#include "tile_ops_body.h"

namespace twill::kernels {
namespace {

// Words are pairs of bf16: one instruction adds two products to each fp32 sum.
struct Avx512Bf16 {
  static constexpr std::int32_t kLanes = 16;
  static constexpr std::int32_t kBlockRows = 6;
  static constexpr std::int32_t kBlockVectors = 4;
  static constexpr std::int32_t kWordElements = 2;
  using V = body::VectorOf<kLanes>::Float;

  static TWILL_BODY void multiply_add(float left, const V& right, V& sums) {
    const V words = _mm512_set1_ps(left);
    sums = _mm512_dpbf16_ps(sums, reinterpret_cast<__m512bh>(words),
                            reinterpret_cast<__m512bh>(right));
  }
  static TWILL_BODY void store_weights(const V* lanes, float* words) {
    for (std::int32_t i = 0; i < kKeyTile / (2 * kLanes); ++i) {
      const __m512bh pairs = _mm512_cvtne2ps_pbh(lanes[2 * i + 1], lanes[2 * i]);
      body::store(reinterpret_cast<V>(pairs), words + i * kLanes);
    }
  }
};
constexpr TileOps kOps = body::table<Avx512Bf16>("avx512_bf16");

}  // namespace

const TileOps* tile_ops_avx512_bf16() { return &kOps; }

}  // namespace twill::kernels

TWILL_TARGET_END

#else

const twill::kernels::TileOps* twill::kernels::tile_ops_avx512_bf16() { return nullptr; }

#endif
