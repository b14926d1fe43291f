// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "launch.h"

#include "../../checks.h"
#include "tables.h"

namespace twill::kernels::portable {
namespace {

using Launch = cudaError_t (*)(const AttentionArgs& args, int head_dim, cudaStream_t stream);

Status launch_by(const CudaLaunch& launch, Launch bf16, Launch f16) {
  const AttentionTensors& in = launch.params.tensors;
  if (tile_count(in.tokens, kKeyTile) > kMostKeyTiles) {
    return refuse(in.tokens, " tokens: the portable kernel takes ", kMostKeyTiles, " tiles of ",
                  kKeyTile, " keys");
  }
  const std::int64_t head = std::int64_t{in.tokens} * in.head_dim;
  const Strides packed{.batch = launch.gathered_heads * head, .head = head, .token = in.head_dim};
  const AttentionArgs args{.call = launch.args,
                           .q = {{in.q, in.q_strides}, {launch.gathered[0], packed}},
                           .k = {{in.k, in.k_strides}, {launch.gathered[1], packed}},
                           .v = {{in.v, in.v_strides}, {launch.gathered[2], packed}}};
  const Launch run = in.dtype == Dtype::kBf16 ? bf16 : f16;
  const cudaError_t error = run(args, in.head_dim, launch.stream);
  return error == cudaSuccess ? Status{}
                              : refuse("launching attention: ", cudaGetErrorString(error));
}

}  // namespace

Status launch_roomy(const CudaLaunch& launch) {
  return launch_by(launch, launch_roomy_bf16, launch_roomy_f16);
}

Status launch_compact(const CudaLaunch& launch) {
  return launch_by(launch, launch_compact_bf16, launch_compact_f16);
}

}  // namespace twill::kernels::portable
