// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "profiling.h"

#include <ATen/ATen.h>

#include <vector>

#include "head_gain.h"
#include "meter.h"
#include "twill/engine/kernel_arguments.h"
#include "twill/plan/error.h"

namespace twill::jobs {
void ProfilingAttention::watch(std::int32_t t_index, std::int32_t prompt) {
  unit_ = {.t_index = t_index, .prompt = prompt};
}

void ProfilingAttention::finish() {
  TWILL_ASSERT(unit_.has_value());
  profiler_.finish_unit(unit_->t_index, unit_->prompt);
  unit_.reset();
}

at::Tensor ProfilingAttention::run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                   const engine::AttentionSite& site) {
  at::Tensor out = inner_.run(q, k, v, site);
  if (!unit_) {
    return out;
  }
  const Clock::time_point begin = Clock::now();
  const GainSums sums = head_gains(out, site);
  std::vector<double> gain;
  for (const double head : sums.head) {
    gain.push_back(head / sums.residual);
  }
  const std::optional<kernels::Dtype> dtype = engine::kernel_dtype(q.scalar_type());
  require(dtype.has_value(), ErrorCode::kUnsupported, "no kernel for dtype ",
          c10::toString(q.scalar_type()));
  const at::Tensor queries = engine::with_contiguous_rows(q.to(at::kCPU));
  const at::Tensor keys = engine::with_contiguous_rows(k.to(at::kCPU));
  const at::Tensor values = engine::with_contiguous_rows(v.to(at::kCPU));
  const search::AttentionCall call{.q = queries.const_data_ptr(),
                                   .k = keys.const_data_ptr(),
                                   .v = values.const_data_ptr(),
                                   .q_strides = engine::strides_of(queries),
                                   .k_strides = engine::strides_of(keys),
                                   .v_strides = engine::strides_of(values),
                                   .batch = static_cast<std::int32_t>(q.size(0)),
                                   .heads = static_cast<std::int32_t>(q.size(1)),
                                   .tokens = static_cast<std::int32_t>(q.size(2)),
                                   .head_dim = static_cast<std::int32_t>(q.size(3)),
                                   .dtype = *dtype};
  profiler_.observe({.t_index = unit_->t_index,
                     .prompt = unit_->prompt,
                     .expert = site.expert,
                     .stack = site.stack,
                     .layer = site.layer,
                     .branch = unit_->visits[{site.stack, site.layer}]++},
                    call, gain);
  seconds_ += seconds_since(begin);
  return out;
}

}  // namespace twill::jobs
