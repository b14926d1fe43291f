// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "../base2_factor.h"
#include "../checks.h"
#include "../elements.h"
#include "device.h"
#include "side_kernels.h"
#include "sm90/attention_args.h"
#include "sm90/tensor_map.h"
#include "twill/kernels/cuda_attention.h"

namespace twill::kernels {
namespace {

constexpr std::size_t kAlignment = 256;

// Parts of the workspace, in bytes from its begin.
struct Workspace {
  std::size_t mean_sums = 0;
  std::array<std::size_t, 3> gathered{};  // q, k, v
  std::size_t bytes = 0;
};

Workspace workspace_of(const CudaAttentionParams& p) {
  const CudaPlan::Layer& layer = p.plan->layers[p.layer];
  const AttentionParams& a = p.attention;
  Workspace parts;
  parts.bytes = kAlignment;  // the number of the next item
  const auto take = [&](std::size_t bytes) {
    const std::size_t at = parts.bytes;
    parts.bytes += (bytes + kAlignment - 1) / kAlignment * kAlignment;
    return at;
  };
  const std::size_t rows = static_cast<std::size_t>(a.batch) * a.heads;
  parts.mean_sums =
      take(layer.means == 0 ? 0 : rows * sm90::kMeanChunks * a.head_dim * sizeof(float));
  for (std::size_t& part : parts.gathered) {
    part = take(static_cast<std::size_t>(a.batch) * layer.gathered * a.tokens * a.head_dim *
                static_cast<std::size_t>(element_bytes(a.dtype)));
  }
  return parts;
}

Status check_plan(const CudaAttentionParams& p) {
  if (p.plan == nullptr || p.device_image == nullptr) {
    return refuse("plan or device_image is null");
  }
  if (p.attention.tokens != p.plan->tokens) {
    return refuse(p.attention.tokens, " tokens, but the plan was made for ", p.plan->tokens);
  }
  if (p.layer < 0 || p.layer >= std::ssize(p.plan->layers)) {
    return refuse("layer ", p.layer, " is not one of the plan's ", p.plan->layers.size());
  }
  if (p.variant < -1 || p.variant >= p.plan->variants) {
    return refuse("variant ", p.variant, " is not one of the plan's ", p.plan->variants);
  }
  if (p.attention.heads != p.plan->layers[p.layer].heads) {
    return refuse(p.attention.heads, " heads, but layer ", p.layer, " of the plan has ",
                  p.plan->layers[p.layer].heads);
  }
  return {};
}

LayerView view_of(const CudaAttentionParams& p) {
  const AttentionParams& a = p.attention;
  return {.image = p.device_image,
          .offsets = p.plan->offsets,
          .layer = p.layer,
          .layers = static_cast<std::int32_t>(p.plan->layers.size()),
          .variant = p.variant,
          .batch = a.batch,
          .heads = a.heads,
          .tokens = a.tokens,
          .head_dim = a.head_dim};
}

cudaError_t gather(const CudaAttentionParams& p, const std::array<void*, 3>& to,
                   cudaStream_t stream) {
  const AttentionParams& a = p.attention;
  return launch_gather({.layer = view_of(p),
                        .from = {a.q, a.k, a.v},
                        .strides = {a.q_strides, a.k_strides, a.v_strides},
                        .to = {to[0], to[1], to[2]},
                        .gathered = p.plan->layers[p.layer].gathered},
                       stream);
}

Status make_maps(const CudaAttentionParams& p, const std::array<void*, 3>& gathered,
                 sm90::AttentionArgs& args) {
  const AttentionParams& a = p.attention;
  const std::array<const void*, 3> given{a.q, a.k, a.v};
  const std::array<const Strides*, 3> strides{&a.q_strides, &a.k_strides, &a.v_strides};
  const std::array<CUtensorMap*, 3> maps{&args.q, &args.k, &args.v};
  const std::array<CUtensorMap*, 3> gathered_maps{&args.q_gathered, &args.k_gathered,
                                                  &args.v_gathered};
  sm90::MapShape shape{a.batch, a.heads, a.tokens, a.head_dim, a.dtype};
  for (std::size_t i = 0; i < 3; ++i) {
    if (Status status = sm90::make_tensor_map(given[i], *strides[i], shape, maps[i]); !status) {
      return status;
    }
  }
  shape.heads = p.plan->layers[p.layer].gathered;
  if (shape.heads == 0) {
    return {};
  }
  const std::int64_t head = std::int64_t{a.tokens} * a.head_dim;
  const Strides packed{.batch = shape.heads * head, .head = head, .token = a.head_dim};
  for (std::size_t i = 0; i < 3; ++i) {
    if (Status status = sm90::make_tensor_map(gathered[i], packed, shape, gathered_maps[i]);
        !status) {
      return status;
    }
  }
  return {};
}

Status answer(cudaError_t error, const char* what) {
  return error == cudaSuccess ? Status{} : refuse(what, ": ", cudaGetErrorString(error));
}

}  // namespace

Status why_no_cuda_kernel(std::int32_t head_dim, Dtype dtype, float scale) {
  const Status status = check_cuda_shape(head_dim, dtype, scale);
  return status ? check_device() : status;
}

std::size_t cuda_workspace_bytes(const CudaAttentionParams& params) {
  return check_plan(params) ? workspace_of(params).bytes : 0;
}

Status can_run_attention_cuda(const CudaAttentionParams& p) {
  const AttentionParams& a = p.attention;
  if (a.q == nullptr || a.k == nullptr || a.v == nullptr || a.out == nullptr) {
    return refuse("q, k, v or out is null");
  }
  if (Status status = check_shape({a.batch, a.heads, a.tokens, a.head_dim, a.scale}); !status) {
    return status;
  }
  if (Status status = check_cuda_shape(a.head_dim, a.dtype, a.scale); !status) {
    return status;
  }
  if (Status status = check_plan(p); !status) {
    return status;
  }
  for (const auto& [name, base, strides] :
       {std::tuple{"q", a.q, a.q_strides},
        {"k", a.k, a.k_strides},
        {"v", a.v, a.v_strides},
        std::tuple{"out", static_cast<const void*>(a.out), a.out_strides}}) {
    if (Status status = check_rows(name, base, strides, {a.batch, a.heads, a.tokens}); !status) {
      return status;
    }
  }
  const std::int64_t items = std::int64_t{a.batch} * a.heads * tile_count(a.tokens, kQueryTile);
  if (items >= std::int64_t{1} << 31) {
    return refuse("batch x heads x query tiles is ", items, ", not below 2^31");
  }
  const std::size_t needed = workspace_of(p).bytes;
  if (p.workspace == nullptr || p.workspace_bytes < needed) {
    return refuse("the workspace has ", p.workspace == nullptr ? 0 : p.workspace_bytes, " bytes, ",
                  needed, " are needed");
  }
  return check_device();
}

Status run_attention_cuda(const CudaAttentionParams& p) {
  if (Status status = can_run_attention_cuda(p); !status) {
    return status;
  }
  const AttentionParams& a = p.attention;
  auto* stream = static_cast<cudaStream_t>(p.stream);
  auto* base = static_cast<char*>(p.workspace);
  const Workspace parts = workspace_of(p);
  const std::array<void*, 3> gathered{base + parts.gathered[0], base + parts.gathered[1],
                                      base + parts.gathered[2]};
  sm90::AttentionArgs args{};
  if (Status status = make_maps(p, gathered, args); !status) {
    return status;
  }
  args.image = p.device_image;
  args.mean_sums = reinterpret_cast<const float*>(base + parts.mean_sums);
  args.next_item = reinterpret_cast<std::int32_t*>(base);
  args.out = a.out;
  args.lse = p.lse;
  args.out_batch = a.out_strides.batch;
  args.out_head = a.out_strides.head;
  args.out_token = a.out_strides.token;
  args.offsets = p.plan->offsets;
  args.layer = p.layer;
  args.layers = static_cast<std::int32_t>(p.plan->layers.size());
  args.variant = p.variant;
  args.batch = a.batch;
  args.heads = a.heads;
  args.tokens = a.tokens;
  args.factor = base2_factor(a.scale);

  cudaError_t error = cudaMemsetAsync(base, 0, sizeof(std::int32_t), stream);
  const CudaPlan::Layer& layer = p.plan->layers[p.layer];
  if (error == cudaSuccess && layer.means > 0) {
    error = launch_mean_sums({.layer = view_of(p),
                              .v = a.v,
                              .strides = a.v_strides,
                              .dtype = a.dtype,
                              .chunks = sm90::kMeanChunks,
                              .sums = reinterpret_cast<float*>(base + parts.mean_sums)},
                             stream);
  }
  if (error == cudaSuccess && layer.gathered > 0) {
    error = gather(p, gathered, stream);
  }
  if (error == cudaSuccess) {
    const auto launch =
        a.dtype == Dtype::kBf16 ? sm90::launch_attention_bf16 : sm90::launch_attention_f16;
    error = launch(args, a.head_dim, multiprocessors(), stream);
  }
  return answer(error, "launching attention");
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
