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

  // Both throw Error(kModel, kUsage) for what the plan does not have.
  std::int32_t layer(std::int32_t stack, std::int32_t layer_of_stack) const;
  std::int32_t variant(std::int32_t segment, std::int32_t expert) const;
};

// Throws Error(kUnsupported) with the kernels' reason.
CudaTables make_cuda_tables(const CompiledPlan& compiled);

}  // namespace twill
