// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "wan_network.h"

#include <ATen/ATen.h>

#include "twill/plan/error.h"

namespace twill::engine {
namespace {

struct WanConditioning final : Conditioning {
  WanPrompt prompt;
  at::Tensor image_channels;  // undefined where the network takes none
};

}  // namespace

WanNetwork::WanNetwork(WanDit dit, const ModelFamily& family) : dit_(std::move(dit)) {
  TWILL_ASSERT(family.patch == kWanPatch && family.stacks.size() == 1);
  const WanConfig& config = dit_.config();
  facts_ = {.family = &family,
            .stacks = {{.name = family.stacks.front(),
                        .layers = static_cast<std::int32_t>(config.layers),
                        .heads = static_cast<std::int32_t>(config.heads)}},
            .head_dim = static_cast<std::int32_t>(config.head_dim()),
            .dim = config.dim,
            .ffn_dim = config.ffn_dim,
            .in_channels = config.in_channels,
            .out_channels = config.out_channels,
            .text_dim = config.text_dim,
            .image_dim = config.image_dim,
            .image_positions = config.image_positions};
}

std::unique_ptr<const Conditioning> WanNetwork::condition(const at::Tensor& text,
                                                          const ImageConditions& images) const {
  const std::int64_t taken = facts_.in_channels - facts_.out_channels;
  const std::int64_t given = images.channels.defined() ? images.channels.size(1) : 0;
  require(given == taken, ErrorCode::kUsage, "a Wan transformer that takes ", taken,
          " channels of pictures was given ", given);
  auto conditioning = std::make_unique<WanConditioning>();
  conditioning->prompt = dit_.prepare_prompt(text, images.tokens);
  conditioning->image_channels = images.channels;
  return conditioning;
}

// Text stands in cross-attention only.
TokenLayout WanNetwork::layout(const ClipSize& size, const Conditioning&) const {
  return facts_.family->grid(size);
}

at::Tensor WanNetwork::forward(const at::Tensor& x, const Conditioning& conditioning,
                               SelfAttention& attention, const StepInfo& step) const {
  const auto* const made_here = dynamic_cast<const WanConditioning*>(&conditioning);
  require(made_here != nullptr, ErrorCode::kUsage,
          "a Wan transformer was given the conditioning of another network");
  // One for all rows of the batch, on the CPU, which makes its waves.
  const at::Tensor timestep = at::full({x.size(0)}, facts_.family->timesteps * step.t, at::kFloat);
  const at::Tensor& pictures = made_here->image_channels;
  require(!pictures.defined() || (x.dim() == 5 && x.sizes().slice(2) == pictures.sizes().slice(2)),
          ErrorCode::kUsage, "latents of shape ", x.sizes(), " were given with pictures for ",
          pictures.defined() ? pictures.sizes() : at::IntArrayRef());
  return dit_.forward(pictures.defined() ? at::cat({x, pictures}, 1) : x, timestep,
                      made_here->prompt, attention, step);
}

}  // namespace twill::engine
