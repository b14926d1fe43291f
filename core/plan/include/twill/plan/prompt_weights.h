// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// How brackets in a prompt are read (on the command line, in a clip's metadata and in the app).
#pragma once

#include <cstdint>

#include "twill/plan/names.h"

namespace twill {

enum class PromptWeights : std::uint8_t {
  kAuto,     // as kComfyUi where a bracket ends in a number with a point, "(word:1.3)", else kNone
  kComfyUi,  // "(word:1.3)" and "(word)", which is 1.1, weigh a word's rows
  kNone,     // brackets are text, as for diffusers and the original Wan
};

inline constexpr NameTable<PromptWeights, 3> kPromptWeightsNames{{
    {PromptWeights::kAuto, "auto"},
    {PromptWeights::kComfyUi, "comfyui"},
    {PromptWeights::kNone, "none"},
}};

}  // namespace twill
