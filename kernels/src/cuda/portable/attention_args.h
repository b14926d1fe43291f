// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What is handed to the portable kernel.
#pragma once

#include "../layer_view.h"
#include "twill/kernels/attention_tensors.h"

namespace twill::kernels::portable {

// [batch, heads, tokens, head_dim]
struct Tensor {
  const void* base;
  Strides strides;
};

struct AttentionArgs {
  CallArgs call;
  Tensor q[2], k[2], v[2];  // as given, and as gathered
};

}  // namespace twill::kernels::portable
