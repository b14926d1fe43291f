// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Block-sparse attention forward: one params struct, a question and a call.
#pragma once

#include <cstdint>
#include <span>

#include "twill/kernels/executor.h"
#include "twill/kernels/status.h"
#include "twill/kernels/tile_list.h"

namespace twill::kernels {

// Raised with every change of the CPU kernels' speed: measured costs are kept by it.
inline constexpr int kCpuKernelVersion = 1;

enum class Dtype : std::uint8_t { kF32, kBf16, kF16 };

// Strides of a [batch, heads, tokens, head_dim] tensor in elements; head_dim is contiguous.
struct Strides {
  std::int64_t batch = 0;
  std::int64_t head = 0;
  std::int64_t token = 0;
};

// out = softmax(scale * q k^T over the keys of each head's task) v, per head; 0 for a query that
// keeps no key. q, k, v, out: [batch, heads, tokens, head_dim] of `dtype`. out may not overlap the
// inputs.
struct AttentionParams {
  const void* q = nullptr;
  const void* k = nullptr;
  const void* v = nullptr;
  void* out = nullptr;
  Strides q_strides, k_strides, v_strides, out_strides;
  std::int32_t batch = 0;
  std::int32_t heads = 0;
  std::int32_t tokens = 0;
  std::int32_t head_dim = 0;
  Dtype dtype = Dtype::kF32;
  float scale = 0.0f;               // 1/sqrt(head_dim) as a rule
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
