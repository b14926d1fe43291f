// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// How much each head adds to the residual stream.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "twill/engine/attention_hook.h"

namespace twill::jobs {

// Sums over the same sampled tokens; their ratio is the gain.
struct GainSums {
  std::vector<double> head;  // [heads] sum over tokens |gate * (W_o[:, head] o_head)|^2
  double residual = 0.0;     // sum over tokens |residual|^2
};

// out: [1, heads, tokens, head_dim], dense. The site must carry output_weight, gate (of each token
// its own where there are several) and residual.
// At most `samples` tokens, evenly spread.
GainSums head_gains(const at::Tensor& out, const engine::AttentionSite& site,
                    std::int64_t samples = 256);

}  // namespace twill::jobs
