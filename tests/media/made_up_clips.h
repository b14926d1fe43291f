// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Clips and pictures that are cheap to make.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>

#include "twill/media/rgb_clip.h"

namespace twill::media::testing {

// Every value from `value_at(frame, y, x, channel)`.
template <typename ValueAt>
RgbClip made_clip(std::int32_t frames, std::int32_t height, std::int32_t width, ValueAt value_at) {
  RgbClip clip{.width = width, .height = height, .frames = frames, .fps = 16.0, .rgb = {}};
  for (std::int32_t f = 0; f < frames; ++f) {
    for (std::int32_t y = 0; y < height; ++y) {
      for (std::int32_t x = 0; x < width; ++x) {
        for (std::int32_t c = 0; c < 3; ++c) {
          clip.rgb.push_back(static_cast<std::uint8_t>(value_at(f, y, x, c)));
        }
      }
    }
  }
  return clip;
}

inline RgbClip flat_clip(std::int32_t frames, std::int32_t height, std::int32_t width,
                         std::uint8_t value) {
  return made_clip(frames, height, width, [&](auto...) { return value; });
}

// Waves of colour that move: what a codec keeps well.
inline RgbClip smooth_clip(std::int32_t frames, std::int32_t height, std::int32_t width) {
  return made_clip(frames, height, width, [](int f, int y, int x, int c) {
    const double phase = f * 0.2 + c * 1.1;
    return std::lround((std::sin(y * 0.05 + phase) + std::cos(x * 0.04)) * 55 + 128);
  });
}

inline RgbClip random_clip(std::int32_t frames, std::int32_t height, std::int32_t width,
                           unsigned seed = 1) {
  std::mt19937 random(seed);
  return made_clip(frames, height, width, [&](auto...) { return random() & 255; });
}

inline Picture random_picture(std::int32_t height, std::int32_t width) {
  return {.width = width, .height = height, .rgb = random_clip(1, height, width).rgb};
}

}  // namespace twill::media::testing
