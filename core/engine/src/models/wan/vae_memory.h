// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// How much of a clip a Wan VAE works on at once.
#pragma once

#include <cstdint>

#include "twill/engine/wan_vae.h"

namespace twill::engine {

// glibc hands larger blocks back to the system each time, and faulting their pages in again cost a
// third of a decode.
inline constexpr std::int64_t kMostVaeBytes = 32 << 20;
// Small frames fill a GPU only several at a time.
inline constexpr std::int64_t kMostVaeBytesOnGpu = 512 << 20;
// On a GPU, of the taps of the frames that are convolved at a time.
inline constexpr std::int64_t kMostTapsBytes = std::int64_t{512} << 20;

// Latent frames whose taps in the widest layer at full size, where `area` cells are worked on, are
// no more than that; one at least.
std::int64_t vae_chunk(const WanVaeConfig& config, at::ScalarType dtype, VaeWork work,
                       std::int64_t area, std::int64_t most_bytes);

}  // namespace twill::engine
