// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "cuda_measures.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>

#include <array>
#include <span>

#include "twill/engine/device.h"
#include "twill/engine/kernel_arguments.h"
#include "twill/kernels/cuda_attention.h"
#include "twill/kernels/cuda_profiling.h"
#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

void require_ok(const kernels::Status& status) {
  require(status.ok, ErrorCode::kUnsupported, status.reason);
}

at::Tensor on_device(const std::vector<std::int32_t>& values, c10::Device device) {
  return at::tensor(values, at::TensorOptions(at::kInt)).to(device);
}

template <typename T>
std::vector<T> on_host(const at::Tensor& values) {
  const at::Tensor there = values.to(at::kCPU).contiguous();
  const std::span<const T> all(there.const_data_ptr<T>(), static_cast<std::size_t>(there.numel()));
  return {all.begin(), all.end()};
}

}  // namespace

void CudaMeasures::prepare(c10::Device device, const std::vector<std::int32_t>& rows) {
  if (!image_.defined() || image_.device() != device) {
    const std::array<std::span<const kernels::HeadTask>, 1> tasks{task_.candidates};
    require_ok(kernels::make_cuda_plan(
        {.tokens = task_.tokens, .lists = task_.lists, .variants = 1, .layers = 1, .tasks = tasks},
        &plan_));
    image_ = on_device(plan_.image, device);
    rows_.clear();
  }
  if (rows_ != rows) {
    device_rows_ = on_device(rows, device);
    rows_ = rows;
  }
}

void CudaMeasures::measure_errors(const search::AttentionCall& call, HeadMeasures& measures) const {
  const at::TensorOptions there(image_.device());
  const auto candidates = static_cast<std::int64_t>(task_.candidates.size());
  const at::Tensor error =
      at::empty({call.batch, call.heads, candidates}, there.dtype(at::kDouble));
  const at::Tensor norm = at::empty({call.batch, call.heads}, there.dtype(at::kDouble));
  kernels::CudaHeadErrorParams params{.tensors = call,
                                      .rows = rows_,
                                      .candidates = task_.candidates,
                                      .error = error.mutable_data_ptr<double>(),
                                      .norm = norm.mutable_data_ptr<double>(),
                                      .plan = &plan_,
                                      .device_image = image_.const_data_ptr<std::int32_t>(),
                                      .device_rows = device_rows_.const_data_ptr<std::int32_t>(),
                                      .stream = engine::current_stream(image_.device())};
  params.workspace_bytes = kernels::cuda_head_error_bytes(params);
  const at::Tensor workspace =
      at::empty({static_cast<std::int64_t>(params.workspace_bytes)}, there.dtype(at::kByte));
  params.workspace = workspace.mutable_data_ptr();
  require_ok(kernels::sampled_head_errors_cuda(params));
  measures.error = on_host<double>(error.sum(0));
  measures.norm = on_host<double>(norm.sum(0));
}

void CudaMeasures::draw_maps(const search::AttentionCall& call, HeadMeasures& measures) const {
  const at::Tensor map = at::empty({call.batch, call.heads, task_.map_size, task_.map_size},
                                   at::TensorOptions(image_.device()).dtype(at::kFloat));
  require_ok(kernels::attention_map_cuda({.tensors = call,
                                          .size = task_.map_size,
                                          .query_stride = task_.query_stride,
                                          .map = map.mutable_data_ptr<float>()},
                                         engine::current_stream(image_.device())));
  measures.map = on_host<float>(map.mean(0));
}

ShownCall CudaMeasures::show(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                             const std::vector<std::int32_t>& rows) {
  require(q.is_cuda(), ErrorCode::kUnsupported, "the tensors stand on ", q.device().str());
  const at::Tensor queries = engine::in_whole_rows(q);
  const at::Tensor keys = engine::in_whole_rows(k);
  const at::Tensor values = engine::in_whole_rows(v);
  const search::AttentionCall call = call_of(queries, keys, values);
  const c10::DeviceGuard guard(q.device());
  require_ok(kernels::why_no_cuda_kernel(
      {.head_dim = call.head_dim, .dtype = call.dtype, .scale = call.scale}));
  prepare(q.device(), rows);
  HeadMeasures measures;
  measure_errors(call, measures);
  if (task_.map_size > 0) {
    draw_maps(call, measures);
  }
  return measures;
}

}  // namespace twill::jobs
