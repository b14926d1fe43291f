// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The tile tables of the portable kernel: its shape for each head_dim, by the shared memory that a
// block may have. tests/kernels/test_kernel_resources.py holds that none of them spills registers.
#pragma once

#include "attention_kernel.cuh"

namespace twill::kernels::portable {

// Devices with 163 KiB for a block and more (8.0, 9.0, 10.0): two blocks of four warps, each with
// 32 rows, so that a warp's reads of keys and values serve two products. Measured on an H200 among
// 16 and 32 rows, 32 and 64 keys, 2 to 4 stages. At head_dim 64 products are half as long beside
// what a step costs whatever it computes: 128 keys a step were 3 to 4 % faster than 64.
template <typename Element>
struct Roomy {
  using Dim64 = Shape<Element, 64, 4, 128, 2, 2, false, false, 2>;
  using Dim96 = Shape<Element, 96, 4, 64, 2, 2, false, false, 2>;
  using Dim128 = Shape<Element, 128, 4, 64, 2, 2, false>;
  using Dim256 = Shape<Element, 256, 8, 16, 4, 1, true, true>;
};

// Devices with 99 KiB (8.6, 8.9, 12.0): eight warps with 16 rows each where two blocks do not fit.
// These devices' tensor cores are slow enough for the reads that this costs; reasoned, not
// measured.
template <typename Element>
struct Compact {
  using Dim64 = Shape<Element, 64, 4, 64, 3, 2, true, true>;
  using Dim96 = Shape<Element, 96, 8, 64, 2, 1, true, true>;
  using Dim128 = Shape<Element, 128, 8, 64, 2, 1, true, true>;
  using Dim256 = Shape<Element, 256, 8, 16, 4, 1, true, true>;
};

}  // namespace twill::kernels::portable
