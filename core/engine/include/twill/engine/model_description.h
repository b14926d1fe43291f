// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A model folder: model.json beside the weight files that it names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace twill::engine {

// Of a clip, in pixels.
inline constexpr std::int32_t kMostSide = 16384;
inline constexpr std::int32_t kMostFrames = 100'000;

struct ClipSize {
  std::int32_t width = 0;
  std::int32_t height = 0;
  std::int32_t frames = 0;
};

// What the model runs with unless told otherwise.
struct ModelDefaults {
  ClipSize size;
  double fps = 0.0;
  std::int32_t steps = 0;
  double shift = 0.0;
  double cfg = 1.0;  // 1: none
  std::string sampler;
};

// What a model folder says of itself; no weights are read.
struct ModelDescription {
  std::string family;
  ModelDefaults defaults;
  std::vector<ClipSize> sizes;  // that it was trained on; may be empty
  std::filesystem::path dit;    // files inside the folder; not looked for yet
  std::filesystem::path vae;
  std::filesystem::path text;
};

// Throws Error(kFile) naming file, field and value when model.json is not what it should be.
ModelDescription describe_model(const std::filesystem::path& folder);

}  // namespace twill::engine
