// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "plan_on_cuda.h"

#include <ATen/ATen.h>

#include "twill/engine/device.h"
#include "twill/engine/kernel_arguments.h"
#include "twill/kernels/cuda_attention.h"

namespace twill::engine {

PlanOnCuda::PlanOnCuda(const CompiledPlan& compiled, c10::Device device)
    : tables_(make_cuda_tables(compiled)) {
  std::vector<std::int32_t>& image = tables_.plan.image;
  image_ = at::from_blob(image.data(), {std::ssize(image)}, at::TensorOptions(at::kInt)).to(device);
}

kernels::Status PlanOnCuda::run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                const at::Tensor& out, kernels::Dtype dtype,
                                const AttentionSite& site, std::int32_t segment) {
  if (std::string why_not = why_not_stream(device()); !why_not.empty()) {
    return kernels::Status::failure(std::move(why_not));
  }
  kernels::CudaAttentionParams params;
  params.attention = kernel_arguments(q, k, v, out, dtype);
  params.plan = &tables_.plan;
  params.device_image = image_.mutable_data_ptr<std::int32_t>();
  params.layer = tables_.layer(site.stack, site.layer);
  params.workspace_bytes = kernels::cuda_workspace_bytes(params);
  if (!workspace_.defined() ||
      static_cast<std::size_t>(workspace_.numel()) < params.workspace_bytes) {
    workspace_ = at::empty({static_cast<std::int64_t>(params.workspace_bytes)},
                           q.options().dtype(at::kByte));
  }
  params.workspace = workspace_.mutable_data_ptr();
  if (kernels::Status status = kernels::can_run_attention_cuda(params); !status.ok) {
    return status;
  }
  const std::int32_t variant = tables_.variant(segment, site.expert);
  if (variant != variant_) {
    const kernels::Status status =
        kernels::set_cuda_plan_variant(tables_.plan, params.device_image, variant, nullptr);
    if (!status.ok) {
      return status;
    }
    variant_ = variant;
  }
  return kernels::run_attention_cuda(params);
}

}  // namespace twill::engine
