// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A file for --image.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "twill/media/png.h"

namespace twill::tests {

// A PNG of 80 x 60 pixels without symmetry, another for each `seed`.
inline void write_start_picture(const std::filesystem::path& file, std::uint32_t seed = 1) {
  constexpr std::int32_t kWidth = 80, kHeight = 60;
  std::vector<std::uint8_t> rgb;
  for (std::uint32_t i = 0; i < std::uint32_t{3} * kWidth * kHeight; ++i) {
    rgb.push_back(static_cast<std::uint8_t>((i * i / 700 + i * 37 * seed) >> 3));
  }
  media::write_png(file, {.width = kWidth, .height = kHeight, .frames = 1, .rgb = rgb});
}

}  // namespace twill::tests
