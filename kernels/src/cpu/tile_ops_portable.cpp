// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "tile_ops_body.h"
#include "tile_ops_isa.h"

namespace twill::kernels {

const TileOps* tile_ops_portable() {
  // 128-bit vectors, which every processor of interest has; Arm has twice the registers of x86.
#if defined(__aarch64__)
  static constexpr TileOps kOps = body::table<body::Fp32Isa<4, 6, 4>>("portable");
#else
  static constexpr TileOps kOps = body::table<body::Fp32Isa<4, 6, 2>>("portable");
#endif
  return &kOps;
}

}  // namespace twill::kernels
