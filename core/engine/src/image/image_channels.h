// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What stands behind the noise's channels of an image-to-video network.
#pragma once

#include <ATen/ATen.h>

#include "twill/engine/network.h"
#include "twill/engine/vae.h"

namespace twill::engine {

// As diffusers' WanImageToVideoPipeline makes them: a channel for each frame of a latent cell, 1
// where the clip's frame is given and 0 elsewhere, then the latents of a clip that is the start
// picture, grey frames and the end picture if there is one. [1, channels, frames, rows, columns]
// fp32 where the VAE's latents are. Pictures are cut to the clip as cover() of picture_ops.h says.
at::Tensor image_channels(const Vae& vae, const Pictures& pictures, const ClipSize& size,
                          const ModelFamily& family, const VaeOptions& options);

}  // namespace twill::engine
