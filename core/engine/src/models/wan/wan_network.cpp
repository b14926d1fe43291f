// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "wan_network.h"

#include <ATen/ATen.h>

#include "twill/plan/error.h"

namespace twill::engine {
namespace {

struct WanConditioning final : Conditioning {
  WanPrompt prompt;
  ImageConditions images;
};

void check_images(const ImageConditions& images, const at::Tensor& x) {
  const auto require_fit = [&](const at::Tensor& given, std::size_t axis) {
    require(
        !given.defined() || (x.dim() == 5 && x.sizes().slice(axis) == given.sizes().slice(axis)),
        ErrorCode::kUsage, "latents of shape ", x.sizes(), " were given with pictures for ",
        given.defined() ? given.sizes() : at::IntArrayRef());
  };
  require_fit(images.channels, 2);
  require_fit(images.first_frame, 3);
}

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
  const std::optional<ImageInput>& input = facts_.family->image;
  require(!images.first_frame.defined() || (input && input->first_frame), ErrorCode::kUsage,
          "a Wan transformer of ", facts_.family->name,
          ", whose first latent frame is no picture's, was given one");
  auto conditioning = std::make_unique<WanConditioning>();
  conditioning->prompt = dit_.prepare_prompt(text, images.tokens);
  conditioning->images = images;
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
  const ImageConditions& images = made_here->images;
  check_images(images, x);
  // On the CPU, which makes its waves: one for all frames, or one for each.
  const double time = facts_.family->timesteps * step.t;
  at::Tensor timestep = at::full({x.size(0)}, time, at::kFloat);
  at::Tensor input = x;
  if (images.channels.defined()) {
    input = at::cat({x, images.channels}, 1);
  }
  if (images.first_frame.defined()) {
    timestep = timestep.unsqueeze(1).repeat({1, x.size(2)});
    timestep.select(1, 0).zero_();
    input = x.clone();
    images.put_into(input);
  }
  return dit_.forward(input, timestep, made_here->prompt, attention, step);
}

}  // namespace twill::engine
