// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a search needs to know of one attention call, from its q, k and v.
#pragma once

#include <cstdint>
#include <span>

#include "twill/kernels/attention_tensors.h"
#include "twill/kernels/executor.h"
#include "twill/kernels/status.h"
#include "twill/kernels/tile_list.h"

namespace twill::kernels {

// Head errors of many candidates against dense attention, for sampled query rows.
// With o the candidate's output row and o0 the dense one, both in fp32 from the same q, k, v:
//   error[batch, head, candidate] = sum over rows |o - o0|^2,   norm[batch, head] = sum over rows
//   |o0|^2
struct HeadErrorParams {
  AttentionTensors tensors;
  std::span<const std::int32_t> rows;    // sampled query tokens (raster), the same for all heads
  std::span<const HeadTask> candidates;  // a candidate is a task; kSparse ones name a list
  std::span<const TileListView> lists;
  double* error = nullptr;       // [batch, heads, candidates], written
  double* norm = nullptr;        // [batch, heads], written
  std::int32_t threads = 0;      // 0: as many as the process may use
  Executor* executor = nullptr;  // null: threads of this library
};
Status sampled_head_errors_cpu(const HeadErrorParams& params);

// What dense attention with both products in INT8 loses, as the INT8 kernels for GPUs compute it,
// by their roundings one by one: for where there is none. Any head_dim that the CPU kernels take.
struct Int8ErrorParams {
  AttentionTensors tensors;            // scale not below 0
  std::span<const std::int32_t> rows;  // as in HeadErrorParams
  double* error = nullptr;             // [batch, heads], written: sum over rows |o - o0|^2
  std::int32_t threads = 0;
  Executor* executor = nullptr;
};
Status int8_errors_cpu(const Int8ErrorParams& params);

// Block-averaged attention map: map[batch, head, i, j] is the share of attention that the mean
// query of raster block i gives to raster key block j (each row sums to 1), over `size` x `size`
// equal blocks (the last may be ragged). When `query_stride` > 1 only every query_stride-th query
// stands for its block. Never stores tokens x tokens.
struct AttentionMapParams {
  AttentionTensors tensors;  // v is not looked at
  std::int32_t size = 0;
  std::int32_t query_stride = 1;
  float* map = nullptr;  // [batch, heads, size, size], written
};
// threads and executor as in the structs above.
Status attention_map_cpu(const AttentionMapParams& params, std::int32_t threads = 0,
                         Executor* executor = nullptr);

}  // namespace twill::kernels
