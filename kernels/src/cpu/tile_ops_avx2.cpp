// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "tile_ops_isa.h"

#if defined(__x86_64__) && defined(__GNUC__)

#define TWILL_TARGET "avx2,fma,f16c"
#include "tile_ops_body.h"

namespace twill::kernels {
namespace {

// 12 sums, two vectors of the right factor and a word of the left one fill 16 registers.
struct Avx2 : body::Fp32Isa<8, 6, 2> {};
constexpr TileOps kOps = body::table<Avx2>("avx2");

}  // namespace

const TileOps* tile_ops_avx2() { return &kOps; }

}  // namespace twill::kernels

TWILL_TARGET_END

#else

const twill::kernels::TileOps* twill::kernels::tile_ops_avx2() { return nullptr; }

#endif
