// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "plan_on_cuda.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>

#include <cmath>

#include "twill/engine/device.h"
#include "twill/engine/kernel_arguments.h"
#include "twill/kernels/cuda_attention.h"

namespace twill::engine {

namespace {

std::string why_no_int8(const CompiledPlan& compiled, c10::Device device, kernels::Dtype dtype) {
  const c10::DeviceGuard guard(device);
  const std::int32_t head_dim = compiled.model().head_dim;
  return kernels::why_no_cuda_kernel({.head_dim = head_dim,
                                      .dtype = dtype,
                                      .scale = 1.0F / std::sqrt(static_cast<float>(head_dim)),
                                      .precision = kernels::Precision::kInt8})
      .reason;
}

}  // namespace

PlanOnCuda::PlanOnCuda(const CompiledPlan& compiled, c10::Device device, kernels::Dtype dtype)
    : why_no_int8_(engine::why_no_int8(compiled, device, dtype)),
      tables_(make_cuda_tables(compiled, why_no_int8_.empty())) {
  std::vector<std::int32_t>& image = tables_.plan.image;
  image_ = at::from_blob(image.data(), {std::ssize(image)}, at::TensorOptions(at::kInt)).to(device);
}

kernels::Status PlanOnCuda::run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                const at::Tensor& out, kernels::Dtype dtype,
                                const AttentionSite& site, std::int32_t segment) {
  kernels::CudaAttentionParams params;
  params.tensors = kernel_tensors(q, k, v, dtype);
  params.out = out.mutable_data_ptr();
  params.out_strides = strides_of(out);
  params.stream = current_stream(device());
  params.plan = &tables_.plan;
  params.device_image = image_.mutable_data_ptr<std::int32_t>();
  params.layer = tables_.layer(site.stack, site.layer);
  params.workspace_bytes = kernels::cuda_workspace_bytes(params);
  // Of this call only: streams do not share it, and torch gives the same memory again.
  const at::Tensor workspace =
      at::empty({static_cast<std::int64_t>(params.workspace_bytes)}, q.options().dtype(at::kByte));
  params.workspace = workspace.mutable_data_ptr();
  // Named with the call, not in the tables: calls on other streams may want another one.
  params.variant = tables_.variant(segment, site.expert);
  return kernels::run_attention_cuda(params);
}

}  // namespace twill::engine
