// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The launches of sampled_head_errors_cuda, each for several heads at once.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "twill/kernels/attention.h"
#include "twill/kernels/cuda_plan.h"

namespace twill::kernels {

// Memory of one head follows that of the one before it; sizes are those of one head.
struct HeadErrorArgs {
  AttentionTensors tensors;
  std::int32_t first_item = 0;  // batch row * heads + head
  std::int32_t items = 0;       // of a launch
  float factor = 0.0f;          // base2_factor()
  const std::int32_t* image = nullptr;
  std::int64_t lists = 0;      // word offset of the CudaList records
  std::int32_t positions = 0;  // word offset of the order whose tiles are computed, 0: raster
  const std::int32_t* rows = nullptr;
  std::int32_t row_count = 0;
  // What each key tile of the order adds to each row: the maximum of its scores (base 2), and
  // relative to it the sum of the weights and the weighted values. [key_tiles, rows(, head_dim)]
  float* maximum = nullptr;
  float* sum = nullptr;
  float* values = nullptr;
  std::int32_t* row_tile = nullptr;      // [rows] query tile in the order, the same for all heads
  float* dense = nullptr;                // [rows, head_dim]
  float* mean = nullptr;                 // [head_dim]
  float* distance = nullptr;             // [candidates, rows]
  const CudaHead* candidates = nullptr;  // [candidates], in the order of the layer's record
  std::int32_t candidate_count = 0;
  double* error = nullptr;  // [batch, heads, candidates]
  double* norm = nullptr;   // [batch, heads]
};

cudaError_t launch_locate_rows(const HeadErrorArgs& args, cudaStream_t stream);
cudaError_t launch_tile_parts(const HeadErrorArgs& args, cudaStream_t stream);
// The dense rows, from the parts of the raster order.
cudaError_t launch_dense_rows(const HeadErrorArgs& args, cudaStream_t stream);
// Distances of the sparse candidates of this order.
cudaError_t launch_distances(const HeadErrorArgs& args, cudaStream_t stream);
cudaError_t launch_mean_value(const HeadErrorArgs& args, cudaStream_t stream);
// Sums over the rows, and the candidates without a list.
cudaError_t launch_sum_errors(const HeadErrorArgs& args, cudaStream_t stream);

}  // namespace twill::kernels
