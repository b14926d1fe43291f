// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The formats of video files, and their encoder.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "twill/media/rgb_clip.h"

namespace twill::media {

struct VideoFormat {
  std::string_view ending;
  std::string_view muxer;    // in libav, as is
  std::string_view encoder;  // this
  bool even_size;            // colour is stored per 2x2 pixels
  double max_fps;            // gif counts hundredths of a second, and players slow 1 of them down
};
inline constexpr std::array<VideoFormat, 4> kVideoFormats{{
    {".mp4", "mp4", "libx264", true, 1000.0},
    {".webm", "webm", "libvpx-vp9", true, 1000.0},
    {".gif", "gif", "gif", false, 50.0},
    {".webp", "webp", "libwebp_anim", false, 1000.0},
}};

// Why this build cannot write the format; empty when it can.
std::string cannot_encode(const VideoFormat& format);
// Errors name `file`, not `temporary`.
void encode_video(const VideoFormat& format, const std::filesystem::path& temporary,
                  const std::filesystem::path& file, const RgbFrames& frames, double fps,
                  const std::map<std::string, std::string>& metadata);

}  // namespace twill::media
