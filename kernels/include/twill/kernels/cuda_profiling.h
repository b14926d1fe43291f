// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// profiling.h on a CUDA device.
#pragma once

#include <cstddef>
#include <cstdint>

#include "twill/kernels/cuda_plan.h"
#include "twill/kernels/profiling.h"

namespace twill::kernels {

// Errors of candidates as HeadErrorParams has them, but q, k, v, error and norm are device memory
// (16-byte aligned rows). The candidates' lists are those of the plan, which is made of them, with
// the candidates as the tasks of its only layer.
struct CudaHeadErrorParams {
  AttentionTensors tensors;
  std::span<const std::int32_t> rows;    // sampled query tokens (raster), the same for all heads
  std::span<const HeadTask> candidates;  // host memory, as rows are
  double* error = nullptr;               // [batch, heads, candidates], written
  double* norm = nullptr;                // [batch, heads], written
  const CudaPlan* plan = nullptr;
  const std::int32_t* device_image = nullptr;  // a copy of plan->image
  const std::int32_t* device_rows = nullptr;   // a copy of rows
  void* workspace = nullptr;                   // cuda_head_error_bytes, 256-byte aligned
  std::size_t workspace_bytes = 0;
  void* stream = nullptr;  // cudaStream_t
};
std::size_t cuda_head_error_bytes(const CudaHeadErrorParams& params);
// Asynchronous, allocates nothing. One pass over the keys per head and token order, as on the CPU;
// weights are carried in two 16-bit parts, so that the errors are those of the patterns and not of
// the dtype.
Status sampled_head_errors_cuda(const CudaHeadErrorParams& params);

// q, k and map are device memory. Asynchronous, needs no workspace.
Status attention_map_cuda(const AttentionMapParams& params, void* stream);

}  // namespace twill::kernels
