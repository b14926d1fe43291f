// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <cuda_runtime_api.h>

#include <array>
#include <tuple>

#include "../base2_factor.h"
#include "../checks.h"
#include "device.h"
#include "kernel_table.h"
#include "side_kernels.h"
#include "twill/kernels/cuda_attention.h"

namespace twill::kernels {
namespace {

CudaCall call_of(const AttentionTensors& in, Precision precision) {
  return {.head_dim = in.head_dim, .dtype = in.dtype, .scale = in.scale, .precision = precision};
}

Status check_plan(const CudaAttentionParams& p) {
  if (p.plan == nullptr || p.device_image == nullptr) {
    return refuse("plan or device_image is null");
  }
  if (p.tensors.tokens != p.plan->tokens) {
    return refuse(p.tensors.tokens, " tokens, but the plan was made for ", p.plan->tokens);
  }
  if (p.layer < 0 || p.layer >= std::ssize(p.plan->layers)) {
    return refuse("layer ", p.layer, " is not one of the plan's ", p.plan->layers.size());
  }
  if (p.variant < -1 || p.variant >= p.plan->variants) {
    return refuse("variant ", p.variant, " is not one of the plan's ", p.plan->variants);
  }
  if (p.tensors.heads != p.plan->layers[p.layer].heads) {
    return refuse(p.tensors.heads, " heads, but layer ", p.layer, " of the plan has ",
                  p.plan->layers[p.layer].heads);
  }
  return {};
}

// All that can be said without asking for a device.
Status check_tensors(const CudaAttentionParams& p) {
  const AttentionTensors& in = p.tensors;
  if (in.q == nullptr || in.k == nullptr || in.v == nullptr || p.out == nullptr) {
    return refuse("q, k, v or out is null");
  }
  if (Status status = check_shape(in); !status) {
    return status;
  }
  for (const auto& [name, base, strides] :
       {std::tuple{"q", in.q, in.q_strides},
        {"k", in.k, in.k_strides},
        {"v", in.v, in.v_strides},
        std::tuple{"out", static_cast<const void*>(p.out), p.out_strides}}) {
    if (Status status = check_rows(name, base, strides, in); !status) {
      return status;
    }
  }
  const std::int64_t items = std::int64_t{in.batch} * in.heads * tile_count(in.tokens, kQueryTile);
  if (items >= std::int64_t{1} << 31) {
    return refuse("batch x heads x query tiles is ", items, ", not below 2^31");
  }
  return {};
}

// The kernels that run the parts of a layer; null for a part without heads in any variant.
struct Kernels {
  const CudaKernel* in_elements = nullptr;
  const CudaKernel* int8 = nullptr;
  Status status;  // why one is missing
};
Kernels choose(const CudaAttentionParams& p) {
  Kernels kernels{.status = check_device()};
  if (kernels.status) {
    kernels.status = check_plan(p);
  }
  if (!kernels.status) {
    return kernels;
  }
  const CudaPlan::Layer& layer = p.plan->layers[p.layer];
  for (const auto& [precision, heads, kernel] :
       {std::tuple{Precision::kBf16, layer.in_elements, &kernels.in_elements},
        std::tuple{Precision::kInt8, layer.quantised, &kernels.int8}}) {
    if (heads > 0 && kernels.status) {
      CudaChoice choice = choose_cuda_kernel(p.kernel, call_of(p.tensors, precision));
      *kernel = choice.kernel;
      kernels.status = std::move(choice.status);
    }
  }
  return kernels;
}

Status check_workspace(const CudaAttentionParams& p) {
  const std::size_t needed = cuda_workspace_of(p).bytes;
  if (p.workspace == nullptr || p.workspace_bytes < needed) {
    return refuse("the workspace has ", p.workspace == nullptr ? 0 : p.workspace_bytes, " bytes, ",
                  needed, " are needed");
  }
  return {};
}

Kernels choose_and_check(const CudaAttentionParams& p) {
  Kernels kernels = choose(p);
  if (kernels.status) {
    kernels.status = check_tensors(p);
  }
  if (kernels.status) {
    kernels.status = check_workspace(p);
  }
  return kernels;
}

LayerView view_of(const CudaAttentionParams& p) {
  const AttentionTensors& in = p.tensors;
  return {.image = p.device_image,
          .offsets = p.plan->offsets,
          .layer = p.layer,
          .layers = static_cast<std::int32_t>(p.plan->layers.size()),
          .variant = p.variant,
          .batch = in.batch,
          .heads = in.heads,
          .tokens = in.tokens,
          .head_dim = in.head_dim};
}

Status answer(cudaError_t error, const char* what) {
  return error == cudaSuccess ? Status{} : refuse(what, ": ", cudaGetErrorString(error));
}

}  // namespace

Status why_no_cuda_kernel(const CudaCall& call) { return choose_cuda_kernel({}, call).status; }

std::string cuda_kernel_of(const CudaCall& call) {
  const CudaChoice choice = choose_cuda_kernel({}, call);
  return choice.kernel == nullptr ? std::string()
                                  : std::string(choice.kernel->rule.name) + " " +
                                        std::to_string(choice.kernel->rule.version);
}

std::size_t cuda_workspace_bytes(const CudaAttentionParams& p) {
  return choose(p).status ? cuda_workspace_of(p).bytes : 0;
}

Status can_run_attention_cuda(const CudaAttentionParams& p) { return choose_and_check(p).status; }

Status run_attention_cuda(const CudaAttentionParams& p) {
  const Kernels kernels = choose_and_check(p);
  if (!kernels.status) {
    return kernels.status;
  }
  const AttentionTensors& in = p.tensors;
  const CudaPlan::Layer& layer = p.plan->layers[p.layer];
  auto* stream = static_cast<cudaStream_t>(p.stream);
  auto* base = static_cast<char*>(p.workspace);
  const CudaWorkspace parts = cuda_workspace_of(p);
  CallArgs args{.layer = view_of(p),
                .mean_sums = reinterpret_cast<const float*>(base + parts.mean_sums),
                .next_item = reinterpret_cast<std::int32_t*>(base),
                .out = p.out,
                .out_batch = p.out_strides.batch,
                .out_head = p.out_strides.head,
                .out_token = p.out_strides.token,
                .lse = p.lse,
                .factor = base2_factor(in.scale)};
  const std::array<void*, 3> gathered{base + parts.gathered[0], base + parts.gathered[1],
                                      base + parts.gathered[2]};

  cudaError_t error = cudaMemsetAsync(base, 0, kCudaParts * sizeof(std::int32_t), stream);
  if (error == cudaSuccess && layer.means > 0) {
    error = launch_mean_sums({.layer = args.layer,
                              .v = in.v,
                              .strides = in.v_strides,
                              .dtype = in.dtype,
                              .chunks = kMeanChunks,
                              .sums = reinterpret_cast<float*>(base + parts.mean_sums)},
                             stream);
  }
  if (error == cudaSuccess && layer.gathered > 0) {
    error = launch_gather({.layer = args.layer,
                           .from = {in.q, in.k, in.v},
                           .strides = {in.q_strides, in.k_strides, in.v_strides},
                           .to = {gathered[0], gathered[1], gathered[2]},
                           .gathered = layer.gathered},
                          stream);
  }
  if (error != cudaSuccess) {
    return answer(error, "launching attention");
  }
  const CudaLaunch launch{.params = p,
                          .args = args,
                          .gathered = {gathered[0], gathered[1], gathered[2]},
                          .gathered_heads = layer.gathered,
                          .quantised = {.heads = layer.quantised,
                                        .queries = base + parts.queries,
                                        .rows = base + parts.rows,
                                        .keys = base + parts.keys,
                                        .channels = base + parts.channels},
                          .stream = stream};
  if (kernels.in_elements != nullptr) {
    if (Status status = kernels.in_elements->launch(launch); !status) {
      return status;
    }
  }
  ++args.next_item;
  return kernels.int8 != nullptr ? kernels.int8->launch(launch) : Status{};
}

Status set_cuda_plan_variant(const CudaPlan& plan, std::int32_t* device_image, std::int32_t variant,
                             void* stream) {
  if (variant < 0 || variant >= plan.variants) {
    return refuse("variant ", variant, " is not one of the plan's ", plan.variants);
  }
  return answer(launch_set_word(device_image, variant, static_cast<cudaStream_t>(stream)),
                "writing the plan's variant");
}

}  // namespace twill::kernels
