// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Small pictures of a clip while it is being made: every colour a weighted sum of the latent
// channels, no VAE.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>

namespace twill::engine {

// [channels + 1, 3] fp32: red, green and blue (-1..1) of each of the latent channels, then the
// constant. From preview.json in the model's folder, else those of Wan's own VAE of so many, 16
// (Wan 2.1) or 48 (Wan 2.2). Throws Error(kFile) naming file and field when preview.json is not
// what it should be.
at::Tensor load_latent_colours(const std::filesystem::path& folder, std::int64_t channels);

// latents: [1, channels, T, h, w] as the transformer has them. Returns [T, h, w, 3] uint8 on the
// CPU.
at::Tensor preview_latents(const at::Tensor& latents, const at::Tensor& colours);

}  // namespace twill::engine
