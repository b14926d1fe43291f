// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Names of UMT5's tensors: those of transformers and ComfyUI, and those of Wan's own files.
#pragma once

#include <cstdint>
#include <string>

namespace twill::engine {

enum class Umt5Part : std::uint8_t { kNorm1, kQ, kK, kV, kO, kBias, kNorm2, kGate, kUp, kDown };

std::string umt5_tokens(bool wan_names);
std::string umt5_last_norm(bool wan_names);
// "blocks." or "encoder.block.", before the number.
std::string umt5_blocks(bool wan_names);
std::string umt5_name(bool wan_names, std::int64_t layer, Umt5Part part);

}  // namespace twill::engine
