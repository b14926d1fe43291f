// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Small pictures of a clip while it is being made: every colour a weighted sum of the latent
// channels, no VAE.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>

namespace twill::engine {

// [17, 3] fp32: red, green and blue (-1..1) of each of the 16 latent channels, then the constant.
// From preview.json in the model's folder, else those of Wan 2.1's own VAE. Throws Error(kFile)
// naming file and field when preview.json is not what it should be.
at::Tensor load_latent_colours(const std::filesystem::path& folder);

// latents: [1, 16, T, h, w] as the transformer has them. Returns [T, h, w, 3] uint8 on the CPU.
at::Tensor preview_latents(const at::Tensor& latents, const at::Tensor& colours);

}  // namespace twill::engine
