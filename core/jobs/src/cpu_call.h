// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The tensors of an attention call as the profiler takes them.
#pragma once

#include <ATen/core/Tensor.h>

#include "twill/search/profiler.h"

namespace twill::jobs {

// q, k, v: [batch, heads, tokens, head_dim], rows contiguous, on any device. Throws
// Error(kUnsupported) for a dtype that no kernel takes.
search::AttentionCall call_of(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

// On the CPU, rows contiguous; `call` points into them.
struct CpuCall {
  at::Tensor q, k, v;
  search::AttentionCall call;

  const search::AttentionCall& view() const { return call; }
};

// Copies what is elsewhere. Throws as call_of() does.
CpuCall cpu_call(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

}  // namespace twill::jobs
