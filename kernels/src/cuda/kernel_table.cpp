// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "kernel_table.h"

#include "../checks.h"
#include "../elements.h"
#include "device.h"
#include "portable/launch.h"
#include "sm90/launch.h"

namespace twill::kernels {
namespace {

constexpr std::size_t kAlignment = 256;

// Of kernels that read rows of 16-bit elements in token order.
CudaWorkspace gathered_workspace(const CudaAttentionParams& p) {
  const CudaPlan::Layer& layer = p.plan->layers[p.layer];
  const AttentionTensors& in = p.tensors;
  CudaWorkspace parts;
  parts.bytes = kAlignment;  // the number of the next item
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
  return parts;
}

const std::array<CudaKernel, 3>& kernels() {
  static const std::array<CudaKernel, 3> table{{
      {cuda_kernel_rules()[0], &gathered_workspace, &sm90::launch},
      {cuda_kernel_rules()[1], &gathered_workspace, &portable::launch_roomy},
      {cuda_kernel_rules()[2], &gathered_workspace, &portable::launch_compact},
  }};
  return table;
}

}  // namespace

CudaChoice choose_cuda_kernel(std::string_view name, const CudaCall& call) {
  CudaChoice choice;
  const int capability = current_capability(&choice.status);
  if (!choice.status) {
    return choice;
  }
  for (const CudaKernel& kernel : kernels()) {
    if (!name.empty() && name != kernel.rule.name) {
      continue;
    }
    std::string why_not = why_not_kernel(kernel.rule, capability, call);
    if (why_not.empty()) {
      return {.kernel = &kernel, .status = {}};
    }
    // The last kernel takes most: what it lacks, all lack.
    choice.status = Status::failure(std::move(why_not));
  }
  if (choice.status) {
    choice.status = refuse("kernel ", name, " is not one of the CUDA kernels");
  }
  return choice;
}

}  // namespace twill::kernels
