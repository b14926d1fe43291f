// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Clips on disk: videos, or folders of PNG frames; and two clips in one picture.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "twill/media/rgb_clip.h"
#include "twill/plan/outputs.h"
#include "twill/plan/unfinished.h"

namespace twill::media {

// What Outputs asks of a clip's place: a video, or a folder of PNG frames where the path has no
// ending or a slash at its end.
Output clip_output(const std::filesystem::path& file);
// "clip.mp4" -> "clip-2.mp4"; "frames" and "frames/" -> "frames-2".
std::filesystem::path with_suffix(const std::filesystem::path& file, const std::string& suffix);
// For asking before long work, with Outputs: throws Error(kUsage, kUnsupported) when it names no
// video and no folder, or this build cannot write such a file.
void check_clip_name(const std::filesystem::path& file);

// A video by the ending of `file`, or a folder of PNG frames when it has none. Nothing half-written
// is left, and nothing replaced that Twill did not write. Throws Error(kUsage, kUnsupported,
// kSystem).
void write_clip(const std::filesystem::path& file, const RgbFrames& frames, double fps,
                const std::map<std::string, std::string>& metadata);
// The same, not yet in its place: so that of two clips neither is replaced before both are there.
std::unique_ptr<Unfinished> unfinished_clip(const std::filesystem::path& file,
                                            const RgbFrames& frames, double fps,
                                            const std::map<std::string, std::string>& metadata);

// `count` frames spread over the clip, dense above sparse. Both are of one size.
Picture side_by_side(const RgbFrames& dense, const RgbFrames& sparse, int count = 5);

}  // namespace twill::media
