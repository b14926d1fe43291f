// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "side_kernels.h"

#include "side_kernels.cuh"

namespace twill::kernels {
namespace {

__global__ void set_word_kernel(std::int32_t* word, std::int32_t value) { *word = value; }

}  // namespace

cudaError_t launch_gather(const GatherArgs& args, cudaStream_t stream) {
  const std::int32_t rows = side::kThreads / (args.layer.head_dim / 8) * side::kRowsOfThread;
  const dim3 grid((args.layer.tokens + rows - 1) / rows, args.layer.heads, 3 * args.layer.batch);
  side::gather_kernel<<<grid, side::kThreads, 0, stream>>>(args);
  return cudaGetLastError();
}

cudaError_t launch_mean_sums(const MeanArgs& args, cudaStream_t stream) {
  const dim3 grid(args.chunks, args.layer.heads, args.layer.batch);
  if (args.dtype == Dtype::kBf16) {
    side::mean_kernel<cuda::Bf16><<<grid, side::kThreads, 0, stream>>>(args);
  } else {
    side::mean_kernel<cuda::F16><<<grid, side::kThreads, 0, stream>>>(args);
  }
  return cudaGetLastError();
}

cudaError_t launch_set_word(std::int32_t* word, std::int32_t value, cudaStream_t stream) {
  set_word_kernel<<<1, 1, 0, stream>>>(word, value);
  return cudaGetLastError();
}

}  // namespace twill::kernels
