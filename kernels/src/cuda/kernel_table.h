// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The table of CUDA attention kernels. A kernel of another architecture is a folder with its launch
// and a line here and in kernel_rules.cpp.
#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <cstddef>

#include "kernel_rules.h"
#include "layer_view.h"
#include "twill/kernels/cuda_attention.h"

namespace twill::kernels {

// Parts of a workspace, in bytes from its begin, where the numbers of the next items of both parts
// of the layer are.
struct CudaWorkspace {
  std::size_t mean_sums = 0;
  std::array<std::size_t, 3> gathered{};  // q, k, v of the heads that have a token order
  // Of the heads that are quantised: int8/layout.h.
  std::size_t queries = 0;
  std::size_t rows = 0;
  std::size_t keys = 0;
  std::size_t channels = 0;
  std::size_t bytes = 0;
};
CudaWorkspace cuda_workspace_of(const CudaAttentionParams& params);

// Memory for the quantised heads of a layer.
struct QuantisedHeads {
  std::int32_t heads = 0;
  void* queries = nullptr;
  void* rows = nullptr;
  void* keys = nullptr;
  void* channels = nullptr;
};

// One part of a layer, ready to be launched: sums of mean heads and gathered rows are in the
// workspace.
struct CudaLaunch {
  const CudaAttentionParams& params;
  const CallArgs& args;
  std::array<const void*, 3> gathered{};  // [batch, gathered heads, tokens, head_dim], contiguous
  std::int32_t gathered_heads = 0;
  QuantisedHeads quantised;
  cudaStream_t stream = nullptr;
};

struct CudaKernel {
  const CudaKernelRule& rule;
  Status (*launch)(const CudaLaunch& launch);
};

// The kernel of this name that takes such calls on the current device; the best one if the name is
// empty or that of a kernel for another precision.
struct CudaChoice {
  const CudaKernel* kernel = nullptr;
  Status status;  // why there is none
};
CudaChoice choose_cuda_kernel(std::string_view name, const CudaCall& call);

}  // namespace twill::kernels
