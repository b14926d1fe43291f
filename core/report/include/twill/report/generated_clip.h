// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Clips that were made: how long each part took, what became of their plan, how near they are.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "twill/media/rgb_clip.h"
#include "twill/media/video_metrics.h"
#include "twill/report/attention_use.h"
#include "twill/report/clip_record.h"

namespace twill::report {

// Wall clock of one clip's parts, in seconds.
struct ClipTimes {
  double text = 0.0;
  double denoise = 0.0;    // the sampler's loop only
  double attention = 0.0;  // self-attention's part of denoise
  double vae = 0.0;
};

struct GeneratedClip {
  std::string prompt;
  std::uint64_t seed = 0;
  std::filesystem::path file;
  ClipTimes times;
  double density = 1.0;
  AttentionUse attention;
  // Dense over sparse, of the denoising loop; empty without a comparison, and where the plan took
  // no part.
  std::optional<double> speedup() const;
  ClipRecord record;                             // of `file`, to be kept with the frames
  std::shared_ptr<const media::RgbClip> frames;  // with keep_frames
  // The dense clip and how near the sparse one is; filled in only by a comparison.
  std::filesystem::path dense_file;
  std::optional<ClipTimes> dense_times;
  std::optional<media::ClipQuality> quality;
  media::FrameQuality frame_quality;
  std::shared_ptr<const media::RgbClip> dense_frames;
};

struct GenerateResult {
  std::vector<GeneratedClip> clips;
  std::string device;
  std::string dtype;
};

std::string to_json(const GenerateResult& result);

}  // namespace twill::report
