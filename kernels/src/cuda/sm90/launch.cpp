// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "launch.h"

#include <tuple>

#include "../../checks.h"
#include "attention_args.h"
#include "tensor_map.h"

namespace twill::kernels::sm90 {
namespace {

Status make_maps(const CudaLaunch& launch, AttentionArgs& args) {
  const AttentionTensors& in = launch.params.tensors;
  MapShape shape{in.batch, in.heads, in.tokens, in.head_dim, in.dtype};
  for (const auto& [base, strides, map] : {std::tuple{in.q, &in.q_strides, &args.q},
                                           {in.k, &in.k_strides, &args.k},
                                           std::tuple{in.v, &in.v_strides, &args.v}}) {
    if (Status status = make_tensor_map(base, *strides, shape, map); !status) {
      return status;
    }
  }
  shape.heads = launch.gathered_heads;
  if (shape.heads == 0) {
    return {};
  }
  const std::int64_t head = std::int64_t{in.tokens} * in.head_dim;
  const Strides packed{.batch = shape.heads * head, .head = head, .token = in.head_dim};
  for (const auto& [base, map] : {std::pair{launch.gathered[0], &args.q_gathered},
                                  {launch.gathered[1], &args.k_gathered},
                                  std::pair{launch.gathered[2], &args.v_gathered}}) {
    if (Status status = make_tensor_map(base, packed, shape, map); !status) {
      return status;
    }
  }
  return {};
}

}  // namespace

Status launch(const CudaLaunch& launch) {
  AttentionArgs args{.call = launch.args};
  if (Status status = make_maps(launch, args); !status) {
    return status;
  }
  const AttentionTensors& in = launch.params.tensors;
  const auto run = in.dtype == Dtype::kBf16 ? launch_attention_bf16 : launch_attention_f16;
  const cudaError_t error = run(args, in.head_dim, launch.stream);
  return error == cudaSuccess ? Status{}
                              : refuse("launching attention: ", cudaGetErrorString(error));
}

}  // namespace twill::kernels::sm90
