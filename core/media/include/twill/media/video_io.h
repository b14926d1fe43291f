// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Clips and pictures on disk. Tensors are uint8 RGB on the CPU. Files appear whole or not at all.
// A build without libav (TWILL_VIDEO=OFF) writes PNG only; the rest throws Error(kUnsupported).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

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

// frames: [frames, height, width, 3]. By the ending of `file`:
//   .mp4 H.264, .webm VP9 (both 4:2:0 in BT.709, even sizes only), .gif (one palette of 256
//   colours), .webp (animated, lossy).
// `metadata` is kept by .mp4 as it is and by .webm with keys in capitals; .gif and .webp keep
// "software" only, as a comment. Errors: as check_video_clip; kSystem when the file cannot be
// written.
void write_video(const std::filesystem::path& file, const at::Tensor& frames, double fps,
                 const std::map<std::string, std::string>& metadata = {});
// The same, encoded but not yet in its place.
std::unique_ptr<Unfinished> encode_video(const std::filesystem::path& file,
                                         const at::Tensor& frames, double fps,
                                         const std::map<std::string, std::string>& metadata);

// picture: [height, width, 3]. Compressed where the build has libav; names Twill as its software.
std::vector<std::uint8_t> png_bytes(const at::Tensor& picture);
void write_png(const std::filesystem::path& file, const at::Tensor& picture);

struct Video {
  at::Tensor frames;  // [frames, height, width, 3] uint8
  double fps = 0.0;
  std::map<std::string, std::string> metadata;  // keys in small letters; the muxer's own ones too
};
// Reads .mp4, .webm, .gif, .png (one frame). Throws Error(kFile) naming the file when it is not
// such a file, is damaged, or is over 16 GiB of frames.
Video read_video(const std::filesystem::path& file);

}  // namespace twill::media
