// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// How far INT8 attention may be from the definition: from the scales that quantising takes, not
// from what a kernel gives.
#pragma once

#include <vector>

#include "attention_inputs.h"

namespace twill::kernels::testing {

struct Int8Bounds {
  std::vector<double> output;    // [batch, heads, tokens, head_dim]; 0 in heads without keys
  std::vector<double> log_sums;  // [batch, heads, tokens]
};

// Worst cases throughout: every factor half a unit off, in the direction that hurts. The channels'
// means and units are of all tokens, which is what the kernels take up to 2,048 of them.
Int8Bounds int8_bounds(Inputs& inputs);

}  // namespace twill::kernels::testing
