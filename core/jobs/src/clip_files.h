// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Clips between tensors and files: what can be written, frames for core/media, and dense clips kept
// for comparisons.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "twill/media/rgb_clip.h"
#include "twill/report/clip_record.h"

namespace twill::jobs {

class Session;

// For asking before long work, with Outputs: throws Error(kUsage, kUnsupported) when this build
// cannot write such a file, or not a clip of this size and fps. `clip`: as was asked for; the
// defaults of its model are looked up.
void check_clip_file(const std::filesystem::path& file, const report::ClipSettings& clip);
// frames: [frames, height, width, 3] uint8 on the CPU, contiguous; they must outlive the view.
media::RgbFrames rgb_frames(const at::Tensor& frames);
media::RgbClip rgb_clip(const at::Tensor& frames, double fps);

report::ClipRecord clip_record(const Session& session, const std::string& prompt,
                               std::uint64_t seed, const std::filesystem::path& plan,
                               bool adapted = false);

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
