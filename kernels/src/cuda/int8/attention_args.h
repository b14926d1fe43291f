// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What the launcher hands to the INT8 kernels.
#pragma once

#include "../layer_view.h"
#include "layout.h"
#include "twill/kernels/attention_tensors.h"

namespace twill::kernels::int8 {

// The quantised heads of a layer: [batch, quantised heads] of what layout.h says of a head.
struct Quantised {
  std::int32_t heads = 0;
  std::uint8_t* queries = nullptr;
  RowScale* rows = nullptr;
  std::uint8_t* keys = nullptr;  // and values
  float* channels = nullptr;
};

struct QuantiseArgs {
  LayerView layer;
  const void* from[3] = {};  // q, k, v of the dtype that the instance is for
  Strides strides[3];
  Quantised to;
  float factor = 0.0f;  // base2_factor()
};

struct AttentionArgs {
  CallArgs call;
  Quantised heads;
};

}  // namespace twill::kernels::int8
