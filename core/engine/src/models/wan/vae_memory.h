// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// How much of a clip a Wan VAE works on at once.
#pragma once

#include <array>
#include <cstdint>

#include "twill/engine/wan_vae.h"
#include "vae_layers.h"

namespace twill::engine {

// glibc hands larger blocks back to the system each time, and faulting their pages in again cost a
// third of a decode.
inline constexpr std::int64_t kMostVaeBytes = 32 << 20;
// Small frames fill a GPU only several at a time. On an H200, where half of it and twice as much
// took as long, twice as much took 5 % more memory.
inline constexpr std::int64_t kMostVaeBytesOnGpu = 256 << 20;

// Frames at a time at each level's own size, in the order of the network.
using VaeGroups = std::array<std::int64_t, kVaeLevels>;

struct VaeArea {
  std::int64_t frame = 0;  // cells of a whole one: so much the level at the latents' size works on
  std::int64_t part = 0;   // of a tile with what is around it, the other levels' work
};

// As many as keep each level's taps, and twice what it makes of them, within `most_bytes`; one at
// least.
VaeGroups vae_groups(const WanVaeConfig& config, at::ScalarType dtype, VaeWork work,
                     const VaeArea& area, std::int64_t most_bytes);

}  // namespace twill::engine
