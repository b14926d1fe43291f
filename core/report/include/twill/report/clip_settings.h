// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a clip is made with, and the checks of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "twill/plan/guidance.h"
#include "twill/plan/lora_choice.h"
#include "twill/plan/model_families.h"
#include "twill/plan/model_files.h"
#include "twill/plan/prompt_weights.h"

namespace twill::report {

// What is left empty is the model's default.
struct ClipSettings {
  ModelFiles model;
  std::optional<std::int32_t> width;  // pixels, multiples of the family's steps
  std::optional<std::int32_t> height;
  std::optional<std::int32_t> frames;  // 4 n + 1 where the family's step is 4
  std::optional<double> fps;
  std::optional<std::int32_t> steps;
  std::optional<double> shift;
  std::optional<Guidance> cfg;                          // 1: one forward a step
  std::string negative_prompt;                          // used when cfg is not 1
  PromptWeights prompt_weights = PromptWeights::kAuto;  // how both prompts are read
  std::optional<std::string> sampler;                   // of sampler_names()
  std::optional<std::string> dtype;                     // of dtype_names()
  std::int32_t threads = 0;                             // 0: as many as the process may use
  // Of a GPU's memory that networks and a step may take; empty: what is free, less a margin.
  std::optional<double> vram_gib;
  // Of host memory that layers may take which do not stay on the GPU; empty: what is free, less a
  // margin. What does not fit is read from the file when it is needed.
  std::optional<double> ram_gib;
  std::vector<LoraChoice> loras;  // merged into the weights, in this order
  // Pictures that the clip begins and ends with, of models that take them; empty: none.
  std::filesystem::path image;
  std::filesystem::path end_image;
};

// A dtype: bfloat16 with the products of the layers in fp8, on GPUs that have them.
inline constexpr std::string_view kFp8Products = "float8";

// What `sampler` and `dtype` may be.
std::span<const std::string_view> sampler_names();
std::span<const std::string_view> dtype_names();

// What holds for every model, and with it what holds for one of the family. Both throw
// Error(kUsage) naming the setting and its value.
void check_clip_settings(const ClipSettings& settings);
void check_clip_settings(const ClipSettings& settings, const ModelFamily& family);

// Throws Error(kUsage) when the family's models need a picture and none is named, or one is named
// that they do not take, or that would be all of the clip.
void check_pictures(const ClipSettings& settings, const ModelFamily& family);

// "256x192" -> width, height. Throws Error(kUsage).
void parse_size(std::string_view text, ClipSettings& settings);

// One of kPromptWeightsNames. Throws Error(kUsage).
PromptWeights parse_prompt_weights(std::string_view text);

// A seed of noise, 0..2^64-1 as in ComfyUI: "18446744073709551615". Throws Error(kUsage).
std::uint64_t parse_seed(std::string_view text);
// The seed of the prompt at `index`: each takes the next seed, and 0 comes after the last.
inline std::uint64_t seed_at(std::uint64_t first, std::size_t index) { return first + index; }

// Throws Error(kUsage) when there is no prompt, or naming one that is not UTF-8.
void check_prompts(const std::vector<std::string>& prompts);

// One prompt a line; empty lines and lines that begin with '#' are left out. A pipe is read until
// its end. Throws Error(kFile) when the file cannot be read, is over 1 MB, is not UTF-8 (a byte
// order mark may stand in front) or holds no prompt. `count` > 0 keeps the first `count`, and asks
// for that many.
std::vector<std::string> read_prompts(const std::filesystem::path& file, std::int64_t count = 0);

}  // namespace twill::report
