// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Which LoRA files are merged into a model, and how strongly.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace twill {

// As ComfyUI's loaders take it.
inline constexpr double kMostLoraStrength = 100.0;
inline constexpr std::size_t kMostLoras = 64;

struct LoraChoice {
  std::filesystem::path file;
  double strength = 1.0;  // that what the file adds is multiplied by
  std::string expert;     // name of the expert that gets it; empty: all
};

// "FILE", "FILE:STRENGTH", "EXPERT=FILE:STRENGTH". Only a number behind the last colon is a
// strength, so paths of Windows stay whole. Throws Error(kUsage) naming the text.
LoraChoice parse_lora(std::string_view text);
// What parse_lora() reads as the same; the strength always stands there.
std::string lora_text(const LoraChoice& lora);
std::vector<std::string> lora_texts(const std::vector<LoraChoice>& loras);

// Throws Error(kUsage): too many, no file, a strength that is not in -100..100, an expert that no
// family has.
void check_loras(const std::vector<LoraChoice>& loras);

}  // namespace twill
