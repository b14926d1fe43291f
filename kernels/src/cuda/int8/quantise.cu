// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "quantise_kernel.cuh"

namespace twill::kernels::int8 {

cudaError_t launch_quantise_bf16(const QuantiseArgs& args, cudaStream_t stream) {
  return launch_quantise<cuda::Bf16>(args, stream);
}

cudaError_t launch_quantise_f16(const QuantiseArgs& args, cudaStream_t stream) {
  return launch_quantise<cuda::F16>(args, stream);
}

}  // namespace twill::kernels::int8
