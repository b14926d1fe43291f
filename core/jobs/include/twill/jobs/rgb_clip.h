// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Frames of a clip in memory, as a player shows them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace twill::jobs {

struct RgbClip {
  std::int32_t width = 0;  // pixels
  std::int32_t height = 0;
  std::int32_t frames = 0;
  double fps = 0.0;
  std::vector<std::uint8_t> rgb;  // [frames, height, width, 3]

  std::size_t frame_bytes() const {
    return std::size_t{3} * static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  }
  const std::uint8_t* frame(std::int32_t index) const {
    return rgb.data() + static_cast<std::size_t>(index) * frame_bytes();
  }
};

// After a step of the sampler: what the clip would be if the model were right from here on, a
// pixel for each latent cell (8x8 pixels, 4 frames).
struct Preview {
  std::string stage;  // "denoise sparse"
  std::int64_t step = 0;
  std::int64_t steps = 0;
  RgbClip frames;
};

// Comes from the thread that runs the job.
using PreviewHook = std::function<void(const Preview&)>;

}  // namespace twill::jobs
