// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "launch.h"

#include "../../checks.h"
#include "tables.h"

namespace twill::kernels::int8 {
namespace {

using Launch = cudaError_t (*)(const AttentionArgs& args, int head_dim, cudaStream_t stream);

Status launch_by(const CudaLaunch& launch, Launch bf16, Launch f16) {
  const AttentionTensors& in = launch.params.tensors;
  if (tile_count(in.tokens, kKeyTile) > kMostKeyTiles) {
    return refuse(in.tokens, " tokens: the INT8 kernel takes ", kMostKeyTiles, " tiles of ",
                  kKeyTile, " keys");
  }
  const bool is_bf16 = in.dtype == Dtype::kBf16;
  const QuantisedHeads& heads = launch.quantised;
  const Quantised quantised{.heads = heads.heads,
                            .queries = static_cast<std::uint8_t*>(heads.queries),
                            .rows = static_cast<RowScale*>(heads.rows),
                            .keys = static_cast<std::uint8_t*>(heads.keys),
                            .channels = static_cast<float*>(heads.channels)};
  const QuantiseArgs quantise{.layer = launch.args.layer,
                              .from = {in.q, in.k, in.v},
                              .strides = {in.q_strides, in.k_strides, in.v_strides},
                              .to = quantised,
                              .factor = launch.args.factor};
  cudaError_t error =
      (is_bf16 ? launch_quantise_bf16 : launch_quantise_f16)(quantise, launch.stream);
  if (error == cudaSuccess) {
    error = (is_bf16 ? bf16 : f16)({.call = launch.args, .heads = quantised}, in.head_dim,
                                   launch.stream);
  }
  return error == cudaSuccess ? Status{}
                              : refuse("launching INT8 attention: ", cudaGetErrorString(error));
}

}  // namespace

Status launch_roomy(const CudaLaunch& launch) {
  return launch_by(launch, launch_roomy_bf16, launch_roomy_f16);
}

Status launch_compact(const CudaLaunch& launch) {
  return launch_by(launch, launch_compact_bf16, launch_compact_f16);
}

}  // namespace twill::kernels::int8
