// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Tensors as the kernels take them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cmath>
#include <cstdint>
#include <optional>

#include "twill/kernels/attention_tensors.h"

namespace twill::engine {

// Nothing for a dtype that no kernel takes.
inline std::optional<kernels::Dtype> kernel_dtype(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat:
      return kernels::Dtype::kF32;
    case at::kBFloat16:
      return kernels::Dtype::kBf16;
    case at::kHalf:
      return kernels::Dtype::kF16;
    default:
      return std::nullopt;
  }
}

inline at::Tensor with_contiguous_rows(const at::Tensor& x) {
  return x.stride(3) == 1 ? x : x.contiguous();
}

// x as the CUDA kernels read it: rows contiguous, address and strides of whole 16 bytes.
inline at::Tensor in_whole_rows(const at::Tensor& x) {
  const auto whole = [&](std::int64_t elements) { return elements * x.element_size() % 16 == 0; };
  return x.stride(3) == 1 && reinterpret_cast<std::uintptr_t>(x.const_data_ptr()) % 16 == 0 &&
                 whole(x.stride(0)) && whole(x.stride(1)) && whole(x.stride(2))
             ? x
             : x.clone(at::MemoryFormat::Contiguous);
}

inline kernels::Strides strides_of(const at::Tensor& x) {
  return {x.stride(0), x.stride(1), x.stride(2)};
}

// q, k, v: [batch, heads, tokens, head_dim], rows contiguous.
inline kernels::AttentionTensors kernel_tensors(const at::Tensor& q, const at::Tensor& k,
                                                const at::Tensor& v, kernels::Dtype dtype) {
  return {.q = q.const_data_ptr(),
          .k = k.const_data_ptr(),
          .v = v.const_data_ptr(),
          .q_strides = strides_of(q),
          .k_strides = strides_of(k),
          .v_strides = strides_of(v),
          .batch = static_cast<std::int32_t>(q.size(0)),
          .heads = static_cast<std::int32_t>(q.size(1)),
          .tokens = static_cast<std::int32_t>(q.size(2)),
          .head_dim = static_cast<std::int32_t>(q.size(3)),
          .dtype = dtype,
          .scale = 1.0f / std::sqrt(static_cast<float>(q.size(3)))};
}

}  // namespace twill::engine
