// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Stored numbers of a matrix as those of a product, on a CUDA device, by one pass over memory.
#pragma once

#include <cstdint>

#include "twill/engine/stored_numbers.h"
#include "twill/kernels/attention_tensors.h"
#include "twill/kernels/status.h"

namespace twill::engine::cuda {

struct StoredRows {
  const void* from = nullptr;  // at a multiple of 16 bytes
  StoredNumbers numbers = StoredNumbers::kPlain;
  const float* scale = nullptr;  // of fp8: one, or one for each row; null: none
  bool scale_by_row = false;
  std::int64_t rows = 0;
  std::int64_t columns = 0;  // a multiple of 8; where scaled by row, also of a row's
  void* out = nullptr;       // [rows, columns], at a multiple of 16 bytes
  kernels::Dtype dtype = kernels::Dtype::kF32;
};

// Whether dequantise() takes them; never where there is no kernel in this build.
bool takes_stored(const StoredRows& rows);
// Each number is multiplied in fp32 and rounded once.
kernels::Status dequantise(const StoredRows& rows, void* stream);

}  // namespace twill::engine::cuda
