// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "cpu_call.h"

#include <ATen/ATen.h>

#include <cmath>

#include "twill/engine/kernel_arguments.h"
#include "twill/plan/error.h"

namespace twill::jobs {

search::AttentionCall call_of(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const std::optional<kernels::Dtype> dtype = engine::kernel_dtype(q.scalar_type());
  require(dtype.has_value(), ErrorCode::kUnsupported, "no kernel for dtype ",
          c10::toString(q.scalar_type()));
  return {.q = q.const_data_ptr(),
          .k = k.const_data_ptr(),
          .v = v.const_data_ptr(),
          .q_strides = engine::strides_of(q),
          .k_strides = engine::strides_of(k),
          .v_strides = engine::strides_of(v),
          .batch = static_cast<std::int32_t>(q.size(0)),
          .heads = static_cast<std::int32_t>(q.size(1)),
          .tokens = static_cast<std::int32_t>(q.size(2)),
          .head_dim = static_cast<std::int32_t>(q.size(3)),
          .dtype = *dtype,
          .scale = 1.0f / std::sqrt(static_cast<float>(q.size(3)))};
}

CpuCall cpu_call(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  CpuCall on_cpu{.q = engine::with_contiguous_rows(q.to(at::kCPU)),
                 .k = engine::with_contiguous_rows(k.to(at::kCPU)),
                 .v = engine::with_contiguous_rows(v.to(at::kCPU)),
                 .call = {}};
  on_cpu.call = call_of(on_cpu.q, on_cpu.k, on_cpu.v);
  return on_cpu;
}

}  // namespace twill::jobs
