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
    rows_heads_ = 0;
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

void CudaMeasures::measure_int8(const at::Tensor& q, const search::AttentionCall& call,
                                HeadMeasures& measures) {
  require_ok(kernels::why_no_cuda_kernel({.head_dim = call.head_dim,
                                          .dtype = call.dtype,
                                          .scale = call.scale,
                                          .precision = kernels::Precision::kInt8}));
  if (rows_heads_ != call.heads) {
    const std::int32_t query_tiles = kernels::tile_count(call.tokens, kernels::kQueryTile);
    std::vector<bool> wanted(static_cast<std::size_t>(query_tiles));
    for (const std::int32_t row : rows_) {
      wanted[static_cast<std::size_t>(row / kernels::kQueryTile)] = true;
    }
    std::vector<kernels::KeyRun> runs;
    std::vector<std::int32_t> run_begin{0};
    for (const bool has_row : wanted) {
      if (has_row) {
        runs.push_back({.first = 0, .count = kernels::tile_count(call.tokens, kernels::kKeyTile)});
      }
      run_begin.push_back(static_cast<std::int32_t>(runs.size()));
    }
    const kernels::TileListView list{.runs = runs, .run_begin = run_begin};
    std::array<std::vector<kernels::HeadTask>, kernels::kCudaParts> heads;
    std::array<std::span<const kernels::HeadTask>, kernels::kCudaParts> tasks;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      heads[i].assign(static_cast<std::size_t>(call.heads),
                      {.mode = kernels::HeadMode::kSparse,
                       .list = 0,
                       .precision = static_cast<kernels::Precision>(i)});
      tasks[i] = heads[i];
    }
    require_ok(kernels::make_cuda_plan({.tokens = call.tokens,
                                        .lists = std::span(&list, 1),
                                        .variants = kernels::kCudaParts,
                                        .layers = 1,
                                        .tasks = tasks},
                                       &rows_plan_));
    rows_image_ = on_device(rows_plan_.image, image_.device());
    rows_heads_ = call.heads;
  }
  const auto rows = [&](kernels::Precision precision) {
    return rows_of_layer(q, call, static_cast<std::int32_t>(precision)).to(at::kDouble);
  };
  const at::Tensor lost = rows(kernels::Precision::kInt8) - rows(kernels::Precision::kBf16);
  measures.int8_error = on_host<double>(lost.square().sum({0, 2, 3}));
}

at::Tensor CudaMeasures::rows_of_layer(const at::Tensor& q, const search::AttentionCall& call,
                                       std::int32_t variant) const {
  const at::Tensor out =
      at::empty({call.batch, call.tokens, call.heads, call.head_dim}, q.options()).transpose(1, 2);
  kernels::CudaAttentionParams params;
  params.tensors = call;
  params.out = out.mutable_data_ptr();
  params.out_strides = engine::strides_of(out);
  params.plan = &rows_plan_;
  params.device_image = rows_image_.mutable_data_ptr<std::int32_t>();
  params.variant = variant;
  params.stream = engine::current_stream(image_.device());
  params.workspace_bytes = kernels::cuda_workspace_bytes(params);
  const at::Tensor workspace =
      at::empty({static_cast<std::int64_t>(params.workspace_bytes)}, q.options().dtype(at::kByte));
  params.workspace = workspace.mutable_data_ptr();
  require_ok(kernels::run_attention_cuda(params));
  return out.index_select(2, device_rows_);
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
  if (task_.int8) {
    measure_int8(queries, call, measures);
  }
  return measures;
}

}  // namespace twill::jobs
