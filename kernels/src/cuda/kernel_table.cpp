// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "kernel_table.h"

#include <algorithm>

#include "../checks.h"
#include "../elements.h"
#include "device.h"
#include "int8/launch.h"
#include "int8/layout.h"
#include "portable/launch.h"
#include "sm90/launch.h"

namespace twill::kernels {
namespace {

constexpr std::size_t kAlignment = 256;

const std::array<CudaKernel, 5>& kernels() {
  static const std::array<CudaKernel, 5> table{{
      {cuda_kernel_rules()[0], &sm90::launch},
      {cuda_kernel_rules()[1], &portable::launch_roomy},
      {cuda_kernel_rules()[2], &portable::launch_compact},
      {cuda_kernel_rules()[3], &int8::launch_roomy},
      {cuda_kernel_rules()[4], &int8::launch_compact},
  }};
  return table;
}

bool names(std::string_view name, Precision precision) {
  return std::ranges::any_of(kernels(), [&](const CudaKernel& kernel) {
    return kernel.rule.name == name && kernel.rule.precision == precision;
  });
}

}  // namespace

CudaWorkspace cuda_workspace_of(const CudaAttentionParams& p) {
  const CudaPlan::Layer& layer = p.plan->layers[p.layer];
  const AttentionTensors& in = p.tensors;
  CudaWorkspace parts;
  parts.bytes = kAlignment;
  const auto take = [&](std::size_t bytes) {
    const std::size_t at = parts.bytes;
    parts.bytes += (bytes + kAlignment - 1) / kAlignment * kAlignment;
    return at;
  };
  const std::size_t rows = static_cast<std::size_t>(in.batch) * in.heads;
  parts.mean_sums = take(layer.means == 0 ? 0 : rows * kMeanChunks * in.head_dim * sizeof(float));
  for (std::size_t& part : parts.gathered) {
    part = take(static_cast<std::size_t>(in.batch) * layer.gathered * in.tokens * in.head_dim *
                static_cast<std::size_t>(element_bytes(in.dtype)));
  }
  const int8::Layout layout{.tokens = in.tokens, .head_dim = in.head_dim};
  const std::size_t quantised = static_cast<std::size_t>(in.batch) * layer.quantised;
  parts.queries = take(quantised * layout.query_bytes());
  parts.rows = take(quantised * layout.row_scales() * sizeof(int8::RowScale));
  parts.keys = take(quantised * layout.key_bytes());
  parts.channels = take(quantised * layout.channel_floats() * sizeof(float));
  return parts;
}

CudaChoice choose_cuda_kernel(std::string_view name, const CudaCall& call) {
  CudaChoice choice;
  const int capability = current_capability(&choice.status);
  if (!choice.status) {
    return choice;
  }
  if (!name.empty() && !names(name, Precision::kBf16) && !names(name, Precision::kInt8)) {
    return {.status = refuse("kernel ", name, " is not one of the CUDA kernels")};
  }
  const bool any = !names(name, call.precision);
  for (const CudaKernel& kernel : kernels()) {
    if (kernel.rule.precision != call.precision || (!any && name != kernel.rule.name)) {
      continue;
    }
    std::string why_not = why_not_kernel(kernel.rule, capability, call);
    if (why_not.empty()) {
      return {.kernel = &kernel, .status = {}};
    }
    // The last kernel takes most: what it lacks, all lack.
    choice.status = Status::failure(std::move(why_not));
  }
  return choice;
}

}  // namespace twill::kernels
