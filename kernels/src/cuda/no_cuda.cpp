// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The CUDA entry points of a build without nvcc.
#include "twill/kernels/cuda_attention.h"
#include "twill/kernels/cuda_profiling.h"
#include "twill/kernels/machine.h"

namespace twill::kernels {
namespace {

Status none() { return Status::failure(why_not_driver(0, 0)); }

}  // namespace

CudaMachine cuda_machine() { return {.why_not = why_not_driver(0, 0)}; }
Status why_no_cuda_kernel(const CudaCall&) { return none(); }
std::string cuda_kernel_of(const CudaCall&) { return {}; }
std::size_t cuda_workspace_bytes(const CudaAttentionParams&) { return 0; }
Status can_run_attention_cuda(const CudaAttentionParams&) { return none(); }
Status run_attention_cuda(const CudaAttentionParams&) { return none(); }
Status set_cuda_plan_variant(const CudaPlan&, std::int32_t*, std::int32_t, void*) { return none(); }
std::size_t cuda_head_error_bytes(const CudaHeadErrorParams&) { return 0; }
Status sampled_head_errors_cuda(const CudaHeadErrorParams&) { return none(); }
Status attention_map_cuda(const AttentionMapParams&, void*) { return none(); }

}  // namespace twill::kernels
