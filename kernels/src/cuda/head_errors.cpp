// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <array>
#include <vector>

#include "../base2_factor.h"
#include "../checks.h"
#include "device.h"
#include "head_errors_kernels.h"
#include "twill/kernels/cuda_profiling.h"

namespace twill::kernels {
namespace {

constexpr std::size_t kAlignment = 256;
// Of what is held at a time, which says how many heads a launch measures: enough to fill a device
// with heads of few tokens, little beside a model whose heads have many.
constexpr std::size_t kMostBytes = std::size_t{1} << 28;
constexpr std::size_t kMostItems = 65535;  // of a launch

struct Workspace {
  std::size_t maximum = 0, sum = 0, values = 0, row_tile = 0, dense = 0, mean = 0, distance = 0;
  std::size_t bytes = 0;
  std::int32_t items = 0;  // heads at a time
};

Workspace workspace_of(const CudaHeadErrorParams& p) {
  const std::size_t rows = p.rows.size();
  const AttentionTensors& in = p.tensors;
  const auto head_dim = static_cast<std::size_t>(in.head_dim);
  const std::size_t parts = rows * static_cast<std::size_t>(tile_count(in.tokens, kKeyTile));
  const std::size_t distances = p.candidates.size() * rows;
  const std::size_t of_head =
      sizeof(float) * (parts * (2 + head_dim) + (rows + 1) * head_dim + distances);
  const std::size_t heads = static_cast<std::size_t>(in.batch) * static_cast<std::size_t>(in.heads);
  const std::size_t fit = of_head > 0 ? kMostBytes / of_head : 1;
  const std::size_t items = std::max<std::size_t>(1, std::min({fit, heads, kMostItems}));
  Workspace workspace{.items = static_cast<std::int32_t>(items)};
  const auto take = [&](std::size_t words) {
    const std::size_t at = workspace.bytes;
    workspace.bytes += (words * sizeof(float) + kAlignment - 1) / kAlignment * kAlignment;
    return at;
  };
  workspace.maximum = take(items * parts);
  workspace.sum = take(items * parts);
  workspace.values = take(items * parts * head_dim);
  workspace.row_tile = take(rows);
  workspace.dense = take(items * rows * head_dim);
  workspace.mean = take(items * head_dim);
  workspace.distance = take(items * distances);
  return workspace;
}

Status check(const CudaHeadErrorParams& p) {
  const AttentionTensors& in = p.tensors;
  if (in.q == nullptr || in.k == nullptr || in.v == nullptr || p.error == nullptr ||
      p.norm == nullptr) {
    return refuse("q, k, v, error or norm is null");
  }
  if (Status status = check_shape(in); !status) {
    return status;
  }
  if (Status status = check_profiling_shape(in); !status) {
    return status;
  }
  for (const auto& [name, base, strides] : {std::tuple{"q", in.q, in.q_strides},
                                            {"k", in.k, in.k_strides},
                                            {"v", in.v, in.v_strides}}) {
    if (Status status = check_rows(name, base, strides, in); !status) {
      return status;
    }
  }
  if (p.rows.empty() || p.candidates.empty()) {
    return refuse("no rows or no candidates");
  }
  for (const std::int32_t row : p.rows) {
    if (row < 0 || row >= in.tokens) {
      return refuse("row ", row, " is not one of the ", in.tokens, " tokens");
    }
  }
  if (p.plan == nullptr || p.device_image == nullptr || p.device_rows == nullptr) {
    return refuse("plan, device_image or device_rows is null");
  }
  if (p.plan->tokens != in.tokens || p.plan->layers.size() != 1 ||
      static_cast<std::size_t>(p.plan->layers[0].heads) != p.candidates.size()) {
    return refuse("the plan was not made of these candidates");
  }
  const std::size_t needed = workspace_of(p).bytes;
  if (p.workspace == nullptr || p.workspace_bytes < needed) {
    return refuse("the workspace has ", p.workspace == nullptr ? 0 : p.workspace_bytes, " bytes, ",
                  needed, " are needed");
  }
  return check_device();
}

// Word offsets of the token orders of the candidates, raster (0) first.
std::vector<std::int32_t> orders_of(const CudaHeadErrorParams& p) {
  std::vector<std::int32_t> orders{0};
  const auto* lists =
      reinterpret_cast<const CudaList*>(p.plan->image.data() + p.plan->offsets.lists);
  for (const HeadTask& task : p.candidates) {
    if (task.mode == HeadMode::kSparse &&
        std::ranges::find(orders, lists[task.list].positions) == orders.end()) {
      orders.push_back(lists[task.list].positions);
    }
  }
  return orders;
}

HeadErrorArgs arguments(const CudaHeadErrorParams& p, const Workspace& parts) {
  const AttentionTensors& in = p.tensors;
  auto* base = static_cast<char*>(p.workspace);
  const auto floats = [&](std::size_t at) { return reinterpret_cast<float*>(base + at); };
  HeadErrorArgs args;
  args.tensors = in;
  args.factor = base2_factor(in.scale);
  args.image = p.device_image;
  args.lists = p.plan->offsets.lists;
  args.rows = p.device_rows;
  args.row_count = static_cast<std::int32_t>(p.rows.size());
  args.maximum = floats(parts.maximum);
  args.sum = floats(parts.sum);
  args.values = floats(parts.values);
  args.row_tile = reinterpret_cast<std::int32_t*>(base + parts.row_tile);
  args.dense = floats(parts.dense);
  args.mean = floats(parts.mean);
  args.distance = floats(parts.distance);
  args.candidates =
      reinterpret_cast<const CudaHead*>(p.device_image + p.plan->offsets.layers + kCudaLayerWords);
  args.candidate_count = static_cast<std::int32_t>(p.candidates.size());
  args.error = p.error;
  args.norm = p.norm;
  return args;
}

cudaError_t measure_heads(HeadErrorArgs args, const std::vector<std::int32_t>& orders,
                          bool has_mean, cudaStream_t stream) {
  cudaError_t error = cudaSuccess;
  const auto then = [&](cudaError_t (*launch)(const HeadErrorArgs&, cudaStream_t)) {
    error = error == cudaSuccess ? launch(args, stream) : error;
  };
  for (const std::int32_t positions : orders) {
    args.positions = positions;
    then(launch_locate_rows);
    then(launch_tile_parts);
    if (positions == 0) {
      then(launch_dense_rows);
    }
    then(launch_distances);
  }
  if (has_mean) {
    then(launch_mean_value);
  }
  then(launch_sum_errors);
  return error;
}

}  // namespace

std::size_t cuda_head_error_bytes(const CudaHeadErrorParams& params) {
  return workspace_of(params).bytes;
}

Status sampled_head_errors_cuda(const CudaHeadErrorParams& p) {
  if (Status status = check(p); !status) {
    return status;
  }
  const AttentionTensors& in = p.tensors;
  const Workspace workspace = workspace_of(p);
  HeadErrorArgs args = arguments(p, workspace);
  const std::vector<std::int32_t> orders = orders_of(p);
  const bool has_mean = p.plan->layers[0].means > 0;
  for (; args.first_item < in.batch * in.heads; args.first_item += args.items) {
    args.items = std::min(workspace.items, in.batch * in.heads - args.first_item);
    const cudaError_t error =
        measure_heads(args, orders, has_mean, static_cast<cudaStream_t>(p.stream));
    if (error != cudaSuccess) {
      return refuse("launching the head errors: ", cudaGetErrorString(error));
    }
  }
  return {};
}

}  // namespace twill::kernels
