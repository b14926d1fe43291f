// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Pictures from files of others. In a build without libav (TWILL_VIDEO=OFF) it throws
// Error(kUnsupported).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "twill/media/rgb_clip.h"

namespace twill::media {

// Reads PNG, JPEG and WebP, by what the file holds and not by its name; turned as EXIF says where
// libav tells (JPEG, WebP). Transparency is left out: a pixel has the colour that lies under it.
// Throws Error(kFile) naming the file when it is no such picture, is damaged, or has over 100
// million pixels.
Picture read_picture(const std::filesystem::path& file);

// Of "PNG", "JPEG" and "WebP" those that this libav reads; none without libav.
std::vector<std::string> readable_pictures();

}  // namespace twill::media
