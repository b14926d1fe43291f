// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/cuda_tables.h"

#include <list>
#include <span>

#include "twill/plan/error.h"

namespace twill {

std::int32_t CudaTables::layer(std::int32_t stack, std::int32_t layer_of_stack) const {
  const auto stacks = static_cast<std::int32_t>(first_layer.size()) - 1;
  require(stack >= 0 && stack < stacks, ErrorCode::kModel, "stack ", stack,
          " is not one of the model's ", stacks);
  const auto at = static_cast<std::size_t>(stack);
  const std::int32_t layers = first_layer[at + 1] - first_layer[at];
  require(layer_of_stack >= 0 && layer_of_stack < layers, ErrorCode::kModel, "layer ",
          layer_of_stack, " is not one of the ", layers, " of stack ", stack);
  return first_layer[at] + layer_of_stack;
}

std::int32_t CudaTables::variant(std::int32_t segment, std::int32_t expert) const {
  require(segment >= 0 && segment < segments, ErrorCode::kUsage, "segment ", segment,
          " is not one of 0..", segments - 1);
  require(expert >= 0 && expert < experts, ErrorCode::kModel, "expert ", expert,
          " is not one of 0..", experts - 1);
  return segment * experts + expert;
}

CudaTables make_cuda_tables(const CompiledPlan& compiled, bool takes_int8) {
  const ModelShape& model = compiled.model();
  CudaTables tables{.segments = compiled.segment_count(),
                    .experts = static_cast<std::int32_t>(model.experts.size())};
  std::int32_t layers = 0;
  for (const StackShape& stack : model.stacks) {
    tables.first_layer.push_back(layers);
    layers += stack.layers;
  }
  tables.first_layer.push_back(layers);
  std::vector<std::span<const kernels::HeadTask>> tasks;
  std::list<std::vector<kernels::HeadTask>> in_bf16;  // layers that the plan has otherwise
  for (std::int32_t segment = 0; segment < tables.segments; ++segment) {
    for (std::int32_t expert = 0; expert < tables.experts; ++expert) {
      for (std::int32_t stack = 0; stack < std::ssize(model.stacks); ++stack) {
        for (std::int32_t layer = 0; layer < model.stacks[static_cast<std::size_t>(stack)].layers;
             ++layer) {
          tasks.push_back(compiled.tasks(segment, expert, stack, layer));
          const std::int64_t int8 = int8_heads(tasks.back());
          if (int8 > 0 && !takes_int8) {
            tables.int8_left_out += int8;
            auto& layer_tasks = in_bf16.emplace_back(tasks.back().begin(), tasks.back().end());
            for (kernels::HeadTask& task : layer_tasks) {
              task.precision = Precision::kBf16;
            }
            tasks.back() = layer_tasks;
          }
        }
      }
    }
  }
  const kernels::Status status =
      kernels::make_cuda_plan({.tokens = compiled.layout().tokens(),
                               .lists = compiled.lists(),
                               .variants = tables.segments * tables.experts,
                               .layers = layers,
                               .tasks = tasks},
                              &tables.plan);
  require(status.ok, ErrorCode::kUnsupported, "the plan on the device: ", status.reason);
  return tables;
}

}  // namespace twill
