// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// One table of TileOps per instruction set; null where this build lacks it. Whether the processor
// has it is the caller's question.
#pragma once

#include "tile_ops.h"

namespace twill::kernels {

const TileOps* tile_ops_portable();
const TileOps* tile_ops_avx2();
const TileOps* tile_ops_avx512();
// Products of bf16 pairs: for bf16 inputs only.
const TileOps* tile_ops_avx512_bf16();

}  // namespace twill::kernels
