// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Frames and pictures in memory: 8-bit RGB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace twill::media {

// Frames that somebody else owns: those of an RgbClip, or a tensor's.
struct RgbFrames {
  std::int32_t width = 0;  // pixels
  std::int32_t height = 0;
  std::int32_t frames = 0;
  std::span<const std::uint8_t> rgb;  // [frames, height, width, 3]

  std::size_t frame_bytes() const {
    return std::size_t{3} * static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  }
  // One frame of them.
  RgbFrames at(std::int32_t index) const {
    return {width, height, 1,
            rgb.subspan(static_cast<std::size_t>(index) * frame_bytes(), frame_bytes())};
  }
  // All sides above 0, and as many bytes as they say.
  bool is_whole() const {
    return width > 0 && height > 0 && frames > 0 &&
           rgb.size() == static_cast<std::size_t>(frames) * frame_bytes();
  }
};

struct RgbClip {
  std::int32_t width = 0;  // pixels
  std::int32_t height = 0;
  std::int32_t frames = 0;
  double fps = 0.0;
  std::vector<std::uint8_t> rgb;  // [frames, height, width, 3]

  operator RgbFrames() const { return {width, height, frames, rgb}; }
  std::size_t frame_bytes() const { return RgbFrames(*this).frame_bytes(); }
  const std::uint8_t* frame(std::int32_t index) const {
    return rgb.data() + static_cast<std::size_t>(index) * frame_bytes();
  }
};

struct Picture {
  std::int32_t width = 0;  // pixels
  std::int32_t height = 0;
  std::vector<std::uint8_t> rgb;  // [height, width, 3]

  operator RgbFrames() const { return {width, height, 1, rgb}; }
};

}  // namespace twill::media
