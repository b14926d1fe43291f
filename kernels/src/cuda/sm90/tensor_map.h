// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Tensor maps of [batch, heads, tokens, head_dim] tensors for the bulk copies.
#pragma once

#include <cuda.h>

#include <cstdint>

#include "twill/kernels/attention.h"
#include "twill/kernels/status.h"

namespace twill::kernels::sm90 {

struct MapShape {
  std::int32_t batch = 0;
  std::int32_t heads = 0;
  std::int32_t tokens = 0;
  std::int32_t head_dim = 0;
  Dtype dtype = Dtype::kBf16;
};

// Boxes of 64 tokens x 64 channels in the 128-byte swizzle; rows past the last token read as 0.
Status make_tensor_map(const void* base, const Strides& strides, const MapShape& shape,
                       CUtensorMap* map);

}  // namespace twill::kernels::sm90
