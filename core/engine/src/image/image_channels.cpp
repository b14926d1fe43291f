// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "image_channels.h"

#include "picture_ops.h"

namespace twill::engine {
namespace {

// The first latent cell is of one frame, which stands there as often as others have frames.
at::Tensor mask_of_given(const at::Tensor& latents, std::int64_t step, bool has_end) {
  at::Tensor mask =
      at::zeros({1, step, latents.size(2), latents.size(3), latents.size(4)}, latents.options());
  mask.select(2, 0).fill_(1.0);
  if (has_end) {
    mask.select(2, latents.size(2) - 1).select(1, step - 1).fill_(1.0);
  }
  return mask;
}

}  // namespace

at::Tensor image_channels(const Vae& vae, const Pictures& pictures, const ClipSize& size,
                          const ModelFamily& family, const VaeOptions& options) {
  at::Tensor clip = at::zeros({1, 3, size.frames, size.height, size.width}, at::kFloat);
  clip.select(2, 0).copy_(cover(pictures.start, size.width, size.height));
  if (pictures.end.defined()) {
    clip.select(2, size.frames - 1).copy_(cover(pictures.end, size.width, size.height));
  }
  const at::Tensor latents = vae.encode(clip, options);
  return at::cat({mask_of_given(latents, family.frame_step(), pictures.end.defined()), latents}, 1);
}

}  // namespace twill::engine
