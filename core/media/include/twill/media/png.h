// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Pictures as PNG files. They appear whole or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "twill/media/rgb_clip.h"

namespace twill::media {

// `picture`: one frame. Compressed where the build has libav; names Twill as its software. Throws
// Error(kUsage) when it is too large.
std::vector<std::uint8_t> png_bytes(const RgbFrames& picture);
// The same in a file. Throws Error(kSystem) too, and names the file.
void write_png(const std::filesystem::path& file, const RgbFrames& picture);

}  // namespace twill::media
