// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Settings that are published for weights, besides the one that they begin with; from
// presets/models.json.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "twill/plan/guidance.h"
#include "twill/plan/model_families.h"

namespace twill {

// What a published setting is for.
enum class SettingKind : std::uint8_t {
  kPublished,    // by the authors, for clips of that size
  kTwoPictures,  // the same, from a start picture to an end picture
  kDistilled,    // with a LoRA that makes the model need few steps
};
inline constexpr std::array<std::pair<SettingKind, std::string_view>, 3> kSettingKindNames{{
    {SettingKind::kPublished, "published"},
    {SettingKind::kTwoPictures, "two_pictures"},
    {SettingKind::kDistilled, "distilled"},
}};

struct PublishedSetting {
  SettingKind kind = SettingKind::kPublished;
  std::int32_t width = 0;  // of its clips, upright or not; 0: of any
  std::int32_t height = 0;
  std::int32_t steps = 0;
  double shift = 0.0;
  Guidance cfg;
  std::string sampler;
  std::string source;  // who says so: "Wan-Video/Wan2.1: generate.py"
};

// Those of family.sizes[size]; may be empty.
const std::vector<PublishedSetting>& published_settings(const ModelFamily& family,
                                                        std::size_t size);

}  // namespace twill
