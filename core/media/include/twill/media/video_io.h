// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Clips as video files. They appear whole or not at all. In a build without libav (TWILL_VIDEO=OFF)
// all of it throws Error(kUnsupported).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "twill/media/rgb_clip.h"
#include "twill/plan/unfinished.h"

namespace twill::media {

// ".mp4", ".webm", ...: those that write_video can write with the libav at hand.
std::vector<std::string> writable_video_endings();

// For asking before long work. Throws Error(kUsage) when the ending of `file` is not a video's,
// naming those that are, and Error(kUnsupported) when this build or its libav cannot write it.
void check_video_file(const std::filesystem::path& file);
// As check_video_file, and Error(kUsage) for a size in pixels or fps that the format cannot hold.
void check_video_clip(const std::filesystem::path& file, std::int64_t width, std::int64_t height,
                      double fps);

// By the ending of `file`:
//   .mp4 H.264, .webm VP9 (both 4:2:0 in BT.709, even sizes only), .gif (one palette of 256
//   colours), .webp (animated, lossy).
// `metadata` is kept by .mp4 as it is and by .webm with keys in capitals; .gif and .webp keep
// "software" only, as a comment. Errors: as check_video_clip; kSystem when the file cannot be
// written.
void write_video(const std::filesystem::path& file, const RgbFrames& frames, double fps,
                 const std::map<std::string, std::string>& metadata = {});
// The same, encoded but not yet in its place.
std::unique_ptr<Unfinished> encode_video(const std::filesystem::path& file, const RgbFrames& frames,
                                         double fps,
                                         const std::map<std::string, std::string>& metadata);

struct Video {
  RgbClip clip;
  std::map<std::string, std::string> metadata;  // keys in small letters; the muxer's own ones too
};
// Reads .mp4, .webm, .gif, .png (one frame). Throws Error(kFile) naming the file when it is not
// such a file, is damaged, or is over 16 GiB of frames.
Video read_video(const std::filesystem::path& file);

}  // namespace twill::media
