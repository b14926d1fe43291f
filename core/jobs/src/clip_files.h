// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Clips on disk: videos, PNG frames, pictures, and dense clips kept for comparisons.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "twill/jobs/generate.h"
#include "twill/jobs/heads_picture.h"
#include "twill/plan/outputs.h"
#include "twill/plan/unfinished.h"

namespace twill::jobs {

class Session;

// What Outputs asks of a clip's place: a video, or a folder of PNG frames where the path has no
// ending or a slash at its end.
Output clip_output(const std::filesystem::path& file);
// "clip.mp4" -> "clip-2.mp4"; "frames" and "frames/" -> "frames-2".
std::filesystem::path with_suffix(const std::filesystem::path& file, const std::string& suffix);
// For asking before long work, with Outputs: throws Error(kUsage, kUnsupported) when this build
// cannot write such a file, or not a clip of this size and fps. `clip`: as was asked for; the
// defaults of its model are looked up.
void check_clip_file(const std::filesystem::path& file, const ClipSettings& clip);
// frames: [frames, height, width, 3] uint8. Replaces only what Twill wrote.
void write_clip(const std::filesystem::path& file, const at::Tensor& frames, double fps,
                const std::map<std::string, std::string>& metadata);
// The same, not yet in its place: so that of two clips neither is replaced before both are there.
std::unique_ptr<Unfinished> unfinished_clip(const std::filesystem::path& file,
                                            const at::Tensor& frames, double fps,
                                            const std::map<std::string, std::string>& metadata);
void write_picture(const std::filesystem::path& file, const Picture& picture);

RgbClip rgb_clip(const at::Tensor& frames, double fps);

ClipRecord clip_record(const Session& session, const std::string& prompt, std::uint64_t seed,
                       const std::filesystem::path& plan, bool adapted = false);

// `count` frames spread over the clip, dense above sparse.
Picture side_by_side(const at::Tensor& dense, const at::Tensor& sparse, int count = 5);

// Throws Cancelled between two frames when `stop` asks, Error(kModel) when both clips are one
// colour throughout: a broken model's clips are always alike. `frames` may be null.
ClipQuality compare(const at::Tensor& dense, const at::Tensor& sparse, const std::stop_token& stop,
                    FrameQuality* frames = nullptr);

// Dense clips by what made them (model, prompt, seed, size, steps, sampler, dtype, device).
class DenseClips {
 public:
  DenseClips(std::filesystem::path folder, const Session& session);

  // Frames [frames, height, width, 3] uint8, or nothing when none is kept. A damaged file counts as
  // none.
  std::optional<at::Tensor> find(const std::string& prompt, std::uint64_t seed) const;
  void keep(const std::string& prompt, std::uint64_t seed, const at::Tensor& frames) const;

 private:
  std::filesystem::path file_for(const std::string& prompt, std::uint64_t seed) const;

  std::filesystem::path folder_;
  std::string key_;
  std::array<std::int64_t, 4> shape_;
};

}  // namespace twill::jobs
