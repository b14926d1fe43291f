// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What every video network is to the rest of the program.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <stop_token>
#include <vector>

#include "twill/engine/attention_hook.h"
#include "twill/plan/model_families.h"
#include "twill/plan/plan.h"
#include "twill/plan/token_layout.h"

namespace twill::engine {

// Of a network: what its family says, and what its file says of this one.
struct NetworkFacts {
  const ModelFamily* family = nullptr;  // patch, strides, prediction, training range
  std::vector<StackShape> stacks;
  std::int32_t head_dim = 0;
  std::int64_t dim = 0;  // of the residual stream
  std::int64_t ffn_dim = 0;
  std::int64_t in_channels = 0;
  std::int64_t out_channels = 0;
  std::int64_t text_dim = 0;  // of the rows that condition() takes
};

// Where in the run a forward stands; handed on to the attention.
struct StepInfo {
  double t = 0.0;  // timestep over its training range: 1 noise, 0 clean
  std::int32_t expert = 0;
  std::stop_token stop;  // looked at before every layer: Cancelled is thrown
};

// What a network keeps of a prompt, the same at every step. Only the network that made it reads it.
class Conditioning {
 public:
  virtual ~Conditioning() = default;
};

class VideoNetwork {
 public:
  virtual ~VideoNetwork() = default;

  virtual const NetworkFacts& facts() const = 0;
  // text: [1, tokens, text_dim] of a TextEncoder. How many tokens there are may differ between
  // prompts.
  virtual std::unique_ptr<const Conditioning> condition(const at::Tensor& text) const = 0;
  // Tokens of self-attention in a forward with that conditioning; its text may be among them.
  virtual TokenLayout layout(const ClipSize& size, const Conditioning& conditioning) const = 0;
  // The prediction [1, out_channels, frames, rows, columns] in fp32 for latents x [1, in_channels,
  // frames, rows, columns] at step.t. Throws Error(kUsage) for another network's conditioning.
  virtual at::Tensor forward(const at::Tensor& x, const Conditioning& conditioning,
                             SelfAttention& attention, const StepInfo& step) const = 0;
};

}  // namespace twill::engine
