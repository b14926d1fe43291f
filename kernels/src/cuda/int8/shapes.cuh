// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The tile tables of the INT8 kernel: its shape for each head_dim, by the shared memory that a
// block may have. tests/kernels/test_kernel_resources.py holds what they spill of registers.
#pragma once

#include "attention_kernel.cuh"

namespace twill::kernels::int8 {

// Devices with 163 KiB for a multiprocessor and more (8.0, 9.0, 10.0): two blocks of four warps,
// each with 32 rows, so that a warp's reads of keys and values serve two products. At head_dim 64
// eight warps with 16 rows each, which hide more of each other's latency; that takes bulk copies
// (9.0 and newer), without which they wait for each other too often. Measured on an H200 beside the
// other one of these, 32 keys a step, 2 to 4 stages and 3 blocks.
template <typename Element>
struct Roomy {
  using Dim64 = Shape<Element, 64, 8, 3, 2>;
  using Dim96 = Shape<Element, 96, 4, 3, 2>;
  using Dim128 = Shape<Element, 128, 4, 3, 2>;
};

// Devices with 99 KiB (8.6, 8.9, 12.0): eight warps with 16 rows each where two blocks do not fit.
template <typename Element>
struct Compact {
  using Dim64 = Shape<Element, 64, 4, 3, 2>;
  using Dim96 = Shape<Element, 96, 8, 3, 1>;
  using Dim128 = Shape<Element, 128, 8, 3, 1>;
};

}  // namespace twill::kernels::int8
