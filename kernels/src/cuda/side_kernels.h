// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What runs before the attention of a layer: token orders and the sums of mean heads.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "side_args.h"

namespace twill::kernels {

cudaError_t launch_gather(const GatherArgs& args, cudaStream_t stream);
cudaError_t launch_mean_sums(const MeanArgs& args, cudaStream_t stream);

cudaError_t launch_set_word(std::int32_t* word, std::int32_t value, cudaStream_t stream);

}  // namespace twill::kernels
