// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Attention on a CUDA device by a plan in its memory. Present in every build; one without CUDA
// kernels answers that it has none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "twill/kernels/attention_tensors.h"
#include "twill/kernels/cuda_plan.h"
#include "twill/kernels/machine.h"
#include "twill/kernels/status.h"

namespace twill::kernels {

// One layer. q, k, v, out, lse, device_image and workspace are device memory; base addresses and
// strides of q, k and v are multiples of 16 bytes, those of out too. out: [batch, heads, tokens,
// head_dim] of the tensors' dtype.
struct CudaAttentionParams {
  AttentionTensors tensors;
  void* out = nullptr;
  Strides out_strides;
  const CudaPlan* plan = nullptr;
  std::int32_t* device_image = nullptr;  // a copy of plan->image
  std::int32_t layer = 0;
  // Which variant of the plan; a captured graph keeps it. -1: the one that the word in device_image
  // says when the launch runs.
  std::int32_t variant = -1;
  void* workspace = nullptr;  // cuda_workspace_bytes, 256-byte aligned; not shared by streams
  std::size_t workspace_bytes = 0;
  // Natural logarithm of the sum of exp(scale q k^T) over a query's keys: [batch, heads, tokens].
  // -infinity for a query without keys, log(tokens) in a mean head. Null: not wanted.
  float* lse = nullptr;
  void* stream = nullptr;  // cudaStream_t
  // Which kernel, by its name in machine.h's cuda_kernels(), for the heads of its precision. Empty:
  // the best that takes the call.
  std::string_view kernel;
};

// Whether this build and the current device have a kernel for such calls, before any plan is made.
Status why_no_cuda_kernel(const CudaCall& call);
// The one that runs them, "name version"; empty when none does.
std::string cuda_kernel_of(const CudaCall& call);

std::size_t cuda_workspace_bytes(const CudaAttentionParams& params);

// Host only, no device call but for its properties: can this build and device run it, and if not,
// why.
Status can_run_attention_cuda(const CudaAttentionParams& params);
// Asynchronous; allocates and waits for nothing. The same bits for the same inputs. Gathering the
// heads that have a token order, quantising and summing the values of mean heads are launches of
// their own before the one launch for all heads of a precision.
Status run_attention_cuda(const CudaAttentionParams& params);

// Says which variant of the plan the launches after it on this stream (or a graph captured before)
// compute.
Status set_cuda_plan_variant(const CudaPlan& plan, std::int32_t* device_image, std::int32_t variant,
                             void* stream);

}  // namespace twill::kernels
