// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "cpu_call.h"

#include <ATen/ATen.h>

#include "twill/engine/kernel_arguments.h"
#include "twill/plan/error.h"

namespace twill::jobs {

CpuCall cpu_call(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const std::optional<kernels::Dtype> dtype = engine::kernel_dtype(q.scalar_type());
  require(dtype.has_value(), ErrorCode::kUnsupported, "no kernel for dtype ",
          c10::toString(q.scalar_type()));
  CpuCall on_cpu{.q = engine::with_contiguous_rows(q.to(at::kCPU)),
                 .k = engine::with_contiguous_rows(k.to(at::kCPU)),
                 .v = engine::with_contiguous_rows(v.to(at::kCPU)),
                 .call = {}};
  on_cpu.call = {.q = on_cpu.q.const_data_ptr(),
                 .k = on_cpu.k.const_data_ptr(),
                 .v = on_cpu.v.const_data_ptr(),
                 .q_strides = engine::strides_of(on_cpu.q),
                 .k_strides = engine::strides_of(on_cpu.k),
                 .v_strides = engine::strides_of(on_cpu.v),
                 .batch = static_cast<std::int32_t>(q.size(0)),
                 .heads = static_cast<std::int32_t>(q.size(1)),
                 .tokens = static_cast<std::int32_t>(q.size(2)),
                 .head_dim = static_cast<std::int32_t>(q.size(3)),
                 .dtype = *dtype};
  return on_cpu;
}

}  // namespace twill::jobs
