// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a clip was made with, kept inside the video that shows it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "twill/media/rgb_clip.h"
#include "twill/report/clip_settings.h"

namespace twill::report {

struct RecordedLora {
  LoraChoice choice;        // its file is a name without folder
  std::string fingerprint;  // of the file, 16 hexadecimal digits
};

struct ClipRecord {
  std::string prompt;
  std::uint64_t seed = 0;
  // All but vram_gib is filled in; `model`, `loras` and the pictures are empty: a video names its
  // files by name and fingerprint, not by paths of the machine that made it.
  ClipSettings clip;
  std::string model;                // name of its folder
  std::string model_fingerprint;    // of its weights, 16 hexadecimal digits
  std::string image;                // "start.png 0123456789abcdef"; empty: from text alone
  std::string end_image;            // the same of the picture that it ends with
  std::string plan;                 // name of its file; empty: dense
  std::string plan_fingerprint;     // of its file
  bool adapted = false;             // the plan was fitted to the clip
  std::vector<RecordedLora> loras;  // in the order of merging
  std::string why_no_part;  // as why_no_part() of attention_use.h; empty: the plan took part
  std::string software;     // "twill 0.1.0"
};

// Keys and values as a video's metadata.
std::map<std::string, std::string> to_metadata(const ClipRecord& record);
// fps is left empty where the metadata do not say it; read_clip then takes the video's own.
// Empty when the metadata are not of a clip that this program made. Throws Error(kFile) naming
// `source`, the key and the value when one of them cannot be.
std::optional<ClipRecord> clip_record_from(const std::map<std::string, std::string>& metadata,
                                           const std::string& source);

struct StoredClip {
  media::RgbClip clip;
  std::optional<ClipRecord> record;
};
// Reads .mp4, .webm, .gif and .png. Throws Error(kFile, kUnsupported).
StoredClip read_clip(const std::filesystem::path& file);

}  // namespace twill::report
