// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <ATen/ATen.h>

#include "twill/engine/attention_hook.h"

namespace twill::engine {

at::Tensor DenseAttention::run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const AttentionSite&) {
  return at::scaled_dot_product_attention(q, k, v);
}

}  // namespace twill::engine
