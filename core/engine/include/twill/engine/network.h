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
  std::int64_t in_channels = 0;   // those of pictures among them
  std::int64_t out_channels = 0;  // of the latents
  std::int64_t text_dim = 0;      // of the rows that condition() takes
  // Of an image encoder's tokens, and how many it has positions for; 0: it takes none, any number.
  std::int64_t image_dim = 0;
  std::int64_t image_positions = 0;
};

// That a clip begins and ends with: [height, width, 3] uint8 RGB on the CPU, of any size.
struct Pictures {
  at::Tensor start;
  at::Tensor end;  // undefined: none
};

// What networks are given of a clip's pictures, the same for all of its prompts and steps. Of a
// clip that has none all are undefined.
struct ImageConditions {
  // Behind the noise's at every forward: [1, in_channels - out_channels, frames, rows, columns].
  at::Tensor channels;
  at::Tensor tokens;  // [1, tokens, image_dim] of the image encoder, those of the start first
  // [1, out_channels, 1, rows, columns]: what the first latent frame is from the noise to the clip.
  at::Tensor first_frame;

  // Writes first_frame into the latents [1, out_channels, frames, rows, columns] of such a clip; a
  // sampler, which knows no frames, leads them away from it at every step.
  void put_into(at::Tensor& latents) const;
};

// Where in the run a forward stands; handed on to the attention.
struct StepInfo {
  // Timestep over its training range: 1 noise, 0 clean. Of tokens with times of their own the
  // greatest.
  double t = 0.0;
  std::int32_t expert = 0;
  std::stop_token stop;  // looked at before every layer: Cancelled is thrown
};

// What a network keeps of a prompt and of pictures, the same at every step. Only the network that
// made it reads it.
class Conditioning {
 public:
  virtual ~Conditioning() = default;
};

class VideoNetwork {
 public:
  virtual ~VideoNetwork() = default;

  virtual const NetworkFacts& facts() const = 0;
  // text: [1, tokens, text_dim] of a TextEncoder. How many tokens there are may differ between
  // prompts. Throws Error(kUsage) when images are not what the network takes.
  virtual std::unique_ptr<const Conditioning> condition(const at::Tensor& text,
                                                        const ImageConditions& images) const = 0;
  // Tokens of self-attention in a forward with that conditioning; its text may be among them.
  virtual TokenLayout layout(const ClipSize& size, const Conditioning& conditioning) const = 0;
  // The prediction [1, out_channels, frames, rows, columns] in fp32 for latents x of the same shape
  // at step.t; a first_frame stands in for that of x, and what is predicted of it is of no use.
  // Throws Error(kUsage) for another network's conditioning.
  virtual at::Tensor forward(const at::Tensor& x, const Conditioning& conditioning,
                             SelfAttention& attention, const StepInfo& step) const = 0;
  // Where its layers do not all stay on the device: gives their memory there back until they are
  // needed again. Not during a call.
  virtual void release() const {}
};

}  // namespace twill::engine
