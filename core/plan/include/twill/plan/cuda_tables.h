// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Compiled plan -> the tables of the CUDA kernels. Host code, in every build.
#pragma once

#include <cstdint>
#include <vector>

#include "twill/kernels/cuda_plan.h"
#include "twill/plan/compile.h"

namespace twill {

// A variant of the kernels' plan is one segment of one expert; its layers are those of all stacks,
// one stack after the other.
struct CudaTables {
  kernels::CudaPlan plan;
  std::vector<std::int32_t> first_layer;  // of each stack, and their end
  std::int32_t segments = 0;
  std::int32_t experts = 1;
  // Heads of all segments and experts that the plan wants in INT8 and the tables have in bf16.
  std::int64_t int8_left_out = 0;

  // Both throw Error(kModel, kUsage) for what the plan does not have.
  std::int32_t layer(std::int32_t stack, std::int32_t layer_of_stack) const;
  std::int32_t variant(std::int32_t segment, std::int32_t expert) const;
};

// takes_int8: whether a kernel takes such calls in INT8 where the tables go; else the heads that
// the plan wants in INT8 become bf16, for a layer with one that no kernel takes would not run at
// all. Throws Error(kUnsupported) with the kernels' reason.
CudaTables make_cuda_tables(const CompiledPlan& compiled, bool takes_int8 = true);

}  // namespace twill
