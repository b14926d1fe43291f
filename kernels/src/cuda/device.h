// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What the CUDA kernels demand of the device in use and of a call.
#pragma once

#include <cstdint>

#include "twill/kernels/attention_tensors.h"
#include "twill/kernels/status.h"

namespace twill::kernels {

// All are about the current device, and each device is asked once.
// Compute capability, major * 10 + minor; 0 with the reason in `status` when there is no device
// that this build's code runs on.
int current_capability(Status* status);
// Of the profiling kernels, which run wherever any kernel does.
Status check_device();
// Rows that 16-byte accesses reach, of 16-bit elements. `base` has the sizes of `in`.
Status check_rows(const char* name, const void* base, const Strides& strides,
                  const AttentionTensors& in);
// What the profiling kernels take.
Status check_profiling_shape(const AttentionTensors& in);

}  // namespace twill::kernels
