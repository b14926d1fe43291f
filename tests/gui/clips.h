// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Clips of one colour for tests of what shows them.
#pragma once

#include <array>
#include <memory>

#include "player/player.h"

namespace twill::gui::tests {

// Frame i is `colour` + i in every channel.
inline ClipPtr flat_clip(std::int32_t width, std::int32_t height, std::int32_t frames,
                         std::array<std::uint8_t, 3> colour, double fps = 10.0) {
  auto clip = std::make_shared<media::RgbClip>(
      media::RgbClip{.width = width, .height = height, .frames = frames, .fps = fps});
  for (std::int32_t frame = 0; frame < frames; ++frame) {
    for (std::int32_t pixel = 0; pixel < width * height; ++pixel) {
      for (const std::uint8_t value : colour) {
        clip->rgb.push_back(static_cast<std::uint8_t>(value + frame));
      }
    }
  }
  return clip;
}

inline Playable playable_pair(std::int32_t frames, double fps) {
  return {.first = flat_clip(16, 16, frames, {200, 10, 10}, fps),
          .second = flat_clip(16, 16, frames, {10, 10, 200}, fps),
          .first_caption = QStringLiteral("Dense"),
          .second_caption = QStringLiteral("Sparse")};
}

}  // namespace twill::gui::tests
