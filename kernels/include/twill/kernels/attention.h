// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Block-sparse attention forward on the CPU: one params struct, a question and a call.
#pragma once

#include <cstdint>
#include <span>

#include "twill/kernels/attention_tensors.h"
#include "twill/kernels/executor.h"
#include "twill/kernels/status.h"
#include "twill/kernels/tile_list.h"

namespace twill::kernels {

// Raised with every change of the CPU kernels' speed: measured costs are kept by it.
inline constexpr int kCpuKernelVersion = 1;

// out = softmax(scale * q k^T over the keys of each head's task) v, per head; 0 for a query that
// keeps no key. out: [batch, heads, tokens, head_dim] of the tensors' dtype; it may not overlap
// them.
struct AttentionParams {
  AttentionTensors tensors;
  void* out = nullptr;
  Strides out_strides;
  std::span<const HeadTask> tasks;  // [heads]; the same for every batch row
  std::span<const TileListView> lists;
  std::int32_t threads = 0;      // 0: as many as the process may use
  Executor* executor = nullptr;  // null: threads of this library
};

// Host only: can this build and machine run it, and if not, why.
Status can_run_attention_cpu(const AttentionParams& params);
// The same bits for the same inputs whatever `threads` is.
Status run_attention_cpu(const AttentionParams& params);

// The definition by loops in double; out is written in `dtype`. Oracle of all tests.
Status run_attention_reference(const AttentionParams& params);

}  // namespace twill::kernels
