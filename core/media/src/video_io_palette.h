// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// At most 256 colours for a clip, for GIF. One palette for all frames: colours that stood still
// would flicker with one per frame.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace twill::media {

class Palette {
 public:
  // rgb: [pixels, 3], of all frames.
  explicit Palette(std::span<const std::uint8_t> rgb);

  // 0xAARRGGBB, opaque; unused entries are black.
  const std::array<std::uint32_t, 256>& colours() const { return colours_; }

  // The entry for a pixel at (x, y): nearest after an ordered dither, which does not crawl where
  // the clip stands still.
  std::uint8_t entry(const std::uint8_t* rgb, int x, int y) const;

 private:
  std::array<std::uint32_t, 256> colours_{};
  std::vector<std::uint8_t> nearest_;  // of every cell of 8x8x8 colours
};

}  // namespace twill::media
