// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "quantise_kernel.cuh"
#include "tables.h"

namespace twill::kernels::int8 {
namespace {

template <typename Element, int kHeadDim>
cudaError_t launch_quantise_dim(const QuantiseArgs& args, cudaStream_t stream) {
  const auto heads = static_cast<unsigned>(args.to.heads);
  const auto batch = static_cast<unsigned>(args.layer.batch);
  const auto halves = static_cast<unsigned>(
      static_cast<std::int32_t>((args.layer.tokens + kQueryTile - 1) / kQueryTile) *
      (kQueryTile / kKeyTile));
  channels_kernel<Element, kHeadDim><<<dim3(heads, batch), kSumThreads, 0, stream>>>(args);
  quantise_kernel<Element, kHeadDim>
      <<<dim3(halves, heads, batch), kQuantiseThreads, 0, stream>>>(args);
  return cudaGetLastError();
}

template <typename Element>
cudaError_t launch_quantise(const QuantiseArgs& args, cudaStream_t stream) {
  switch (args.layer.head_dim) {
    case 64:
      return launch_quantise_dim<Element, 64>(args, stream);
    case 96:
      return launch_quantise_dim<Element, 96>(args, stream);
    case 128:
      return launch_quantise_dim<Element, 128>(args, stream);
    case 256:
      return launch_quantise_dim<Element, 256>(args, stream);
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace

cudaError_t launch_quantise_bf16(const QuantiseArgs& args, cudaStream_t stream) {
  return launch_quantise<cuda::Bf16>(args, stream);
}

cudaError_t launch_quantise_f16(const QuantiseArgs& args, cudaStream_t stream) {
  return launch_quantise<cuda::F16>(args, stream);
}

}  // namespace twill::kernels::int8
