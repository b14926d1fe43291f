// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The tensors of an attention call, as every kernel of this folder takes them.
#pragma once

#include "twill/kernels/integers.h"

namespace twill::kernels {

enum class Dtype : std::uint8_t { kF32, kBf16, kF16 };

// Strides of a [batch, heads, tokens, head_dim] tensor in elements; head_dim is contiguous.
struct Strides {
  std::int64_t batch = 0;
  std::int64_t head = 0;
  std::int64_t token = 0;
};

// q, k, v: [batch, heads, tokens, head_dim] of `dtype`.
struct AttentionTensors {
  const void* q = nullptr;
  const void* k = nullptr;
  const void* v = nullptr;
  Strides q_strides, k_strides, v_strides;
  std::int32_t batch = 1;
  std::int32_t heads = 0;
  std::int32_t tokens = 0;
  std::int32_t head_dim = 0;
  Dtype dtype = Dtype::kF32;
  float scale = 0.0f;  // of q k^T; 1/sqrt(head_dim) as a rule
};

}  // namespace twill::kernels
