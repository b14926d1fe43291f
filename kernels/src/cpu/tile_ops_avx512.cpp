// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "tile_ops_isa.h"

#if defined(__x86_64__) && defined(__GNUC__)

#define TWILL_TARGET "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"
#include "tile_ops_body.h"

namespace twill::kernels {
namespace {

// 24 sums of 32 registers: a block is as wide as a tile of keys.
struct Avx512 : body::Fp32Isa<16, 6, 4> {};
constexpr TileOps kOps = body::table<Avx512>("avx512");

}  // namespace

const TileOps* tile_ops_avx512() { return &kOps; }

}  // namespace twill::kernels

TWILL_TARGET_END

#else

const twill::kernels::TileOps* twill::kernels::tile_ops_avx512() { return nullptr; }

#endif
