// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The start picture of networks whose first latent frame is the picture's (Wan 2.2 TI2V 5B).
#pragma once

#include <ATen/ATen.h>

#include "twill/engine/network.h"
#include "twill/engine/vae.h"

namespace twill::engine {

// The latents of a clip of the picture alone, as diffusers' WanImageToVideoPipeline makes them with
// expand_timesteps: [1, channels, 1, rows, columns] fp32 where the VAE's latents are. The picture
// is cut to the clip as cover() of picture_ops.h says.
at::Tensor first_frame(const Vae& vae, const at::Tensor& start, const ClipSize& size,
                       const VaeOptions& options);

}  // namespace twill::engine
