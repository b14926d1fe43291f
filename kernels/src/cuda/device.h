// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What the CUDA kernels demand of the device in use and of a call.
#pragma once

#include <cstdint>

#include "twill/kernels/attention.h"
#include "twill/kernels/status.h"

namespace twill::kernels {

// Both are about the current device, and each device is asked once.
Status check_device();
int multiprocessors();
struct TensorSize {
  std::int32_t batch = 0;
  std::int32_t heads = 0;
  std::int32_t tokens = 0;
};
// Rows that 16-byte accesses reach, of 16-bit elements.
Status check_rows(const char* name, const void* base, const Strides& strides,
                  const TensorSize& size);
Status check_cuda_shape(std::int32_t head_dim, Dtype dtype, float scale);

}  // namespace twill::kernels
