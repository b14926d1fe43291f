// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// One whole frame to the bytes of a PNG file, without our mark.
#pragma once

#include <cstdint>
#include <vector>

#include "twill/media/rgb_clip.h"

namespace twill::media {

// By libav where the build has it.
std::vector<std::uint8_t> encode_png(const RgbFrames& picture);

// Without compression, and without libav.
std::vector<std::uint8_t> encode_plain_png(const RgbFrames& picture);

}  // namespace twill::media
