// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Rows of numbers in fp8, on a CUDA device, by one pass over memory.
#pragma once

#include <cstdint>

#include "twill/kernels/attention_tensors.h"
#include "twill/kernels/status.h"

namespace twill::engine::cuda {

// x ~ values * scale of the row; the greatest number of a row becomes kGreatestE4m3.
struct Fp8Rows {
  const void* x = nullptr;  // [rows, columns], at a multiple of 16 bytes
  std::int64_t rows = 0;
  std::int64_t columns = 0;  // a multiple of 8, 16,384 at most
  kernels::Dtype dtype = kernels::Dtype::kF32;
  std::uint8_t* values = nullptr;  // [rows, columns] e4m3, likewise
  float* scales = nullptr;         // [rows]
};

// Whether this build has the kernel and it takes rows of so many columns.
bool takes_fp8_rows(std::int64_t columns);
kernels::Status to_fp8(const Fp8Rows& rows, void* stream);

}  // namespace twill::engine::cuda
