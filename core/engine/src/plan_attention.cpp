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

std::string text_of(const TokenLayout& layout) {
  return concat(layout.prefix, " + ", layout.frames, "x", layout.rows, "x", layout.cols, " + ",
                layout.suffix, " tokens");
}

}  // namespace

AttentionCounts& AttentionCounts::operator+=(const AttentionCounts& other) {
  const auto add = [](auto& sum, const auto& counts) {
    for (const auto& [reason, count] : counts) {
      sum[reason] += count;
    }
  };
  sparse += other.sparse;
  planned_dense += other.planned_dense;
  add(fallback, other.fallback);
  heads_with_keys += other.heads_with_keys;
  int8_heads += other.int8_heads;
  add(not_int8, other.not_int8);
  return *this;
}

PlanAttention::PlanAttention(std::shared_ptr<const Plan> plan, const TokenLayout& layout,
                             int threads)
    : PlanAttention(std::move(plan), std::vector{layout}, threads) {}

PlanAttention::PlanAttention(std::shared_ptr<const Plan> plan,
                             const std::vector<TokenLayout>& layouts, int threads)
    : plan_(std::move(plan)), threads_(threads) {
  TWILL_ASSERT(!layouts.empty());
  for (const TokenLayout& layout : layouts) {
    if (prepared_.empty() || compiled_for(layout) == nullptr) {
      prepared_.push_back(prepare(*plan_, layout, threads));
    }
  }
}

PlanAttention::~PlanAttention() = default;

PlanAttention::Prepared PlanAttention::prepare(const Plan& plan, const TokenLayout& layout,
                                               int threads) {
  Prepared prepared{.compiled = CompiledPlan(plan, layout, threads), .layers = {}, .on_cuda = {}};
  const ModelShape& model = plan.model;
  const auto count = [](const auto& values) { return static_cast<std::int32_t>(values.size()); };
  for (std::int32_t segment = 0; segment < count(plan.segments); ++segment) {
    for (std::int32_t expert = 0; expert < count(model.experts); ++expert) {
      for (std::int32_t stack = 0; stack < count(model.stacks); ++stack) {
        for (std::int32_t layer = 0; layer < model.stacks[stack].layers; ++layer) {
          const auto tasks = prepared.compiled.tasks(segment, expert, stack, layer);
          const bool dense = std::ranges::all_of(tasks, [](const kernels::HeadTask& task) {
            return task.mode == kernels::HeadMode::kDense;
          });
          prepared.layers.push_back({.tasks = tasks,
                                     .dense = dense,
                                     .heads_with_keys = heads_with_keys(tasks),
                                     .int8_heads = int8_heads(tasks)});
        }
      }
    }
  }
  return prepared;
}

const CompiledPlan* PlanAttention::compiled_for(const TokenLayout& layout) const {
  for (const Prepared& prepared : prepared_) {
    if (prepared.compiled.layout() == layout) {
      return &prepared.compiled;
    }
  }
  return nullptr;
}

PlanAttention::Prepared* PlanAttention::prepared_for(const AttentionSite& site) {
  if (site.layout == nullptr) {
    return &prepared_.front();
  }
  const auto found = std::ranges::find_if(prepared_, [&](const Prepared& prepared) {
    return prepared.compiled.layout() == *site.layout;
  });
  return found == prepared_.end() ? nullptr : &*found;
}

std::size_t PlanAttention::layer_index(std::int32_t segment, const AttentionSite& site) const {
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
  return table * layers + before + static_cast<std::size_t>(site.layer);
}

at::Tensor PlanAttention::run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const AttentionSite& site) {
  const StackShape& stack = stack_at(plan_->model, site);
  require(q.size(1) == stack.heads, ErrorCode::kModel, "the plan has ", stack.heads, " heads in ",
          stack.name, "; ", q.size(1), " were run");
  require(q.size(3) == plan_->model.head_dim, ErrorCode::kModel, "the plan is for head_dim ",
          plan_->model.head_dim, "; ", q.size(3), " was run");
  const std::int32_t segment = segment_at(*plan_, site.t);
  Prepared* const prepared = prepared_for(site);

  at::Tensor out;
  const kernels::Status status = prepared == nullptr
                                     ? kernels::Status::failure(concat(
                                           "the plan was not compiled for ", text_of(*site.layout)))
                                     : run_segment(*prepared, q, k, v, site, segment, out);
  if (status.ok) {
    count_heads(*prepared, q.is_cpu(), segment, site);
  }
  const bool planned = (prepared == nullptr ? prepared_.front() : *prepared)
                           .layers[layer_index(segment, site)]
                           .dense;
  if (planned) {
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

void PlanAttention::count_heads(const Prepared& prepared, bool on_cpu, std::int32_t segment,
                                const AttentionSite& site) {
  if (plan_->segments[static_cast<std::size_t>(segment)].dense) {
    return;
  }
  const PlannedLayer& layer = prepared.layers[layer_index(segment, site)];
  counts_.heads_with_keys += layer.heads_with_keys;
  if (layer.int8_heads == 0) {
    return;
  }
  const std::string why = on_cpu ? "the CPU's kernels compute in the dtype of the tensors"
                                 : prepared.on_cuda->why_no_int8();
  (why.empty() ? counts_.int8_heads : counts_.not_int8[why]) += layer.int8_heads;
}

kernels::Status PlanAttention::run_segment(Prepared& prepared, const at::Tensor& q,
                                           const at::Tensor& k, const at::Tensor& v,
                                           const AttentionSite& site, std::int32_t segment,
                                           at::Tensor& out) {
  if (!q.is_cpu() && !q.is_cuda()) {
    return kernels::Status::failure(concat("no kernel for device ", q.device().str()));
  }
  const std::optional<kernels::Dtype> dtype = kernel_dtype(q.scalar_type());
  if (!dtype) {
    return kernels::Status::failure(concat("no kernel for dtype ", c10::toString(q.scalar_type())));
  }
  const CompiledPlan& compiled = prepared.compiled;
  if (q.size(2) != compiled.layout().tokens() || k.size(2) != q.size(2)) {
    return kernels::Status::failure(concat(q.size(2), " queries and ", k.size(2),
                                           " keys where the plan was compiled for ",
                                           compiled.layout().tokens(), " tokens"));
  }
  const at::Tensor queries = with_contiguous_rows(q);
  const at::Tensor keys = with_contiguous_rows(k);
  const at::Tensor values = with_contiguous_rows(v);
  // Heads stand beside each other in memory: joining them for the output projection then costs
  // nothing.
  out = at::empty({q.size(0), q.size(2), q.size(1), q.size(3)}, q.options()).transpose(1, 2);
  if (q.is_cuda()) {
    if (!prepared.on_cuda || prepared.on_cuda->device() != q.device()) {
      prepared.on_cuda = std::make_unique<PlanOnCuda>(compiled, q.device(), *dtype);
    }
    return prepared.on_cuda->run(queries, keys, values, out, *dtype, site, segment);
  }
  kernels::AttentionParams params{.tensors = kernel_tensors(queries, keys, values, *dtype),
                                  .out = out.mutable_data_ptr(),
                                  .out_strides = strides_of(out)};
  params.tasks = prepared.layers[layer_index(segment, site)].tasks;
  params.lists = compiled.lists();
  params.threads = threads_;
  params.executor = &aten_executor();
  return kernels::run_attention_cpu(params);
}

}  // namespace twill::engine
