// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <vector>

#include "plan_on_cuda.h"
#include "twill/engine/aten_executor.h"
#include "twill/engine/attention.h"
#include "twill/engine/kernel_arguments.h"
#include "twill/kernels/attention.h"
#include "twill/plan/error.h"

namespace twill::engine {
namespace {

const StackShape& stack_at(const ModelShape& model, const AttentionSite& site) {
  const auto inside = [](std::int32_t index, std::size_t count) {
    return index >= 0 && static_cast<std::size_t>(index) < count;
  };
  require(inside(site.expert, model.experts.size()), ErrorCode::kModel, "the plan has ",
          model.experts.size(), " experts; expert ", site.expert, " was run");
  require(inside(site.stack, model.stacks.size()), ErrorCode::kModel, "the plan has ",
          model.stacks.size(), " stacks; stack ", site.stack, " was run");
  const StackShape& stack = model.stacks[static_cast<std::size_t>(site.stack)];
  require(inside(site.layer, static_cast<std::size_t>(stack.layers)), ErrorCode::kModel,
          "the plan has ", stack.layers, " layers in ", stack.name, "; layer ", site.layer,
          " was run");
  return stack;
}

}  // namespace

PlanAttention::PlanAttention(std::shared_ptr<const Plan> plan, const TokenLayout& layout,
                             int threads)
    : plan_(std::move(plan)), compiled_(*plan_, layout, threads), threads_(threads) {
  const ModelShape& model = plan_->model;
  const auto count = [](const auto& values) { return static_cast<std::int32_t>(values.size()); };
  for (std::int32_t segment = 0; segment < count(plan_->segments); ++segment) {
    for (std::int32_t expert = 0; expert < count(model.experts); ++expert) {
      for (std::int32_t stack = 0; stack < count(model.stacks); ++stack) {
        for (std::int32_t layer = 0; layer < model.stacks[stack].layers; ++layer) {
          const auto tasks = compiled_.tasks(segment, expert, stack, layer);
          const bool dense = std::ranges::all_of(tasks, [](const kernels::HeadTask& task) {
            return task.mode == kernels::HeadMode::kDense;
          });
          layers_.push_back({.tasks = tasks, .dense = dense});
        }
      }
    }
  }
}

PlanAttention::~PlanAttention() = default;

const PlanAttention::PlannedLayer& PlanAttention::layer_at(std::int32_t segment,
                                                           const AttentionSite& site) const {
  const ModelShape& model = plan_->model;
  std::size_t layers = 0;
  std::size_t before = 0;  // layers of the stacks before the site's
  for (std::size_t stack = 0; stack < model.stacks.size(); ++stack) {
    const auto of_stack = static_cast<std::size_t>(model.stacks[stack].layers);
    layers += of_stack;
    before += stack < static_cast<std::size_t>(site.stack) ? of_stack : 0;
  }
  const std::size_t table = static_cast<std::size_t>(segment) * model.experts.size() +
                            static_cast<std::size_t>(site.expert);
  return layers_[table * layers + before + static_cast<std::size_t>(site.layer)];
}

at::Tensor PlanAttention::run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const AttentionSite& site) {
  const StackShape& stack = stack_at(plan_->model, site);
  require(q.size(1) == stack.heads, ErrorCode::kModel, "the plan has ", stack.heads, " heads in ",
          stack.name, "; ", q.size(1), " were run");
  require(q.size(3) == plan_->model.head_dim, ErrorCode::kModel, "the plan is for head_dim ",
          plan_->model.head_dim, "; ", q.size(3), " was run");
  const std::int32_t segment = segment_at(*plan_, site.t);
  const PlannedLayer& layer = layer_at(segment, site);

  at::Tensor out;
  const kernels::Status status = run_segment(q, k, v, site, segment, layer.tasks, out);
  if (layer.dense) {
    ++counts_.planned_dense;
    return status.ok ? out : dense_.run(q, k, v, site);
  }
  if (!status.ok) {
    ++counts_.fallback[status.reason];
    return dense_.run(q, k, v, site);
  }
  ++counts_.sparse;
  return out;
}

kernels::Status PlanAttention::run_segment(const at::Tensor& q, const at::Tensor& k,
                                           const at::Tensor& v, const AttentionSite& site,
                                           std::int32_t segment,
                                           std::span<const kernels::HeadTask> tasks,
                                           at::Tensor& out) {
  if (!q.is_cpu() && !q.is_cuda()) {
    return kernels::Status::failure(concat("no kernel for device ", q.device().str()));
  }
  const std::optional<kernels::Dtype> dtype = kernel_dtype(q.scalar_type());
  if (!dtype) {
    return kernels::Status::failure(concat("no kernel for dtype ", c10::toString(q.scalar_type())));
  }
  if (q.size(2) != compiled_.layout().tokens() || k.size(2) != q.size(2)) {
    return kernels::Status::failure(concat(q.size(2), " queries and ", k.size(2),
                                           " keys where the plan was compiled for ",
                                           compiled_.layout().tokens(), " tokens"));
  }
  const at::Tensor queries = with_contiguous_rows(q);
  const at::Tensor keys = with_contiguous_rows(k);
  const at::Tensor values = with_contiguous_rows(v);
  // Heads stand beside each other in memory: joining them for the output projection then costs
  // nothing.
  out = at::empty({q.size(0), q.size(2), q.size(1), q.size(3)}, q.options()).transpose(1, 2);
  if (q.is_cuda()) {
    if (!on_cuda_ || on_cuda_->device() != q.device()) {
      on_cuda_ = std::make_unique<PlanOnCuda>(compiled_, q.device());
    }
    return on_cuda_->run(queries, keys, values, out, *dtype, site, segment);
  }
  kernels::AttentionParams params{.tensors = kernel_tensors(queries, keys, values, *dtype),
                                  .out = out.mutable_data_ptr(),
                                  .out_strides = strides_of(out)};
  params.tasks = tasks;
  params.lists = compiled_.lists();
  params.threads = threads_;
  params.executor = &aten_executor();
  return kernels::run_attention_cpu(params);
}

}  // namespace twill::engine
