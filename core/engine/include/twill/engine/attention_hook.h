// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The engine's self-attention is a hook: dense SDPA, a plan, or a profiler fills it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

#include "twill/plan/token_layout.h"

namespace twill::engine {

// Where in the model and in the run an attention call stands.
struct AttentionSite {
  std::int32_t expert = 0;
  std::int32_t stack = 0;
  std::int32_t layer = 0;
  double t = 0.0;  // timestep over its training range: 1 noise, 0 clean; of several the greatest
  // For profilers: gives the output projection weight [dim, heads * head_dim], which may first have
  // to be made of stored numbers; the gates of this call
  // [groups, dim] (fp32), one for each of as many equal runs of its tokens, null for a batch of
  // several; the residual stream before the block's attention is added [batch, tokens, dim].
  std::function<at::Tensor()> output_weight;
  const at::Tensor* gate = nullptr;
  const at::Tensor* residual = nullptr;
  // Of the call's tokens: two branches of the guidance may have texts of two lengths. Null: the one
  // layout that the attention was made for.
  const TokenLayout* layout = nullptr;
};

class SelfAttention {
 public:
  virtual ~SelfAttention() = default;
  // q, k, v: [batch, heads, tokens, head_dim], possibly strided. Returns the same shape and dtype.
  virtual at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         const AttentionSite& site) = 0;
};

// ATen's scaled_dot_product_attention.
class DenseAttention final : public SelfAttention {
 public:
  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const AttentionSite& site) override;
};

}  // namespace twill::engine
