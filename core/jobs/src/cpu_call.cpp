// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "cpu_call.h"

#include <ATen/ATen.h>

#include "twill/engine/kernel_arguments.h"
#include "twill/plan/error.h"

namespace twill::jobs {

search::AttentionCall call_of(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const std::optional<kernels::Dtype> dtype = engine::kernel_dtype(q.scalar_type());
  require(dtype.has_value(), ErrorCode::kUnsupported, "no kernel for dtype ",
          c10::toString(q.scalar_type()));
  return engine::kernel_tensors(q, k, v, *dtype);
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
