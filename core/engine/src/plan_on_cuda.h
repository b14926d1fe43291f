// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A compiled plan in the memory of a CUDA device.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "twill/engine/attention_hook.h"
#include "twill/kernels/attention.h"
#include "twill/plan/compile.h"
#include "twill/plan/cuda_tables.h"

namespace twill::engine {

class PlanOnCuda {
 public:
  // Copies the tables; heads in INT8 become bf16 where no kernel takes them, calls being in
  // `dtype`. Throws Error(kUnsupported) when the kernels cannot hold the plan.
  PlanOnCuda(const CompiledPlan& compiled, c10::Device device, kernels::Dtype dtype);

  c10::Device device() const { return image_.device(); }
  // Empty: what the plan wants in INT8 is computed so.
  const std::string& why_no_int8() const { return why_no_int8_; }
  // Queued on the device's current stream. q, k, v, out: [batch, heads, tokens, head_dim] with
  // contiguous rows.
  kernels::Status run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const at::Tensor& out, kernels::Dtype dtype, const AttentionSite& site,
                      std::int32_t segment);

 private:
  std::string why_no_int8_;
  CudaTables tables_;
  at::Tensor image_;
};

}  // namespace twill::engine
