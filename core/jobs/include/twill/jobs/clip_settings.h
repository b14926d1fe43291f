// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What every job needs to know to make a clip, and the checks of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace twill::jobs {

// What is left empty is the model's default.
struct ClipSettings {
  std::filesystem::path model;        // folder of the model
  std::optional<std::int32_t> width;  // pixels, multiples of 16
  std::optional<std::int32_t> height;
  std::optional<std::int32_t> frames;  // 4 n + 1
  std::optional<double> fps;
  std::optional<std::int32_t> steps;
  std::optional<double> shift;
  std::optional<double> cfg;           // 1: one forward a step
  std::string negative_prompt;         // used when cfg is not 1
  std::optional<std::string> sampler;  // "euler", "unipc"
  std::optional<std::string> dtype;    // "float32", "bfloat16", "float16"
  std::int32_t threads = 0;            // 0: as many as the process may use
};

// What `sampler` and `dtype` may be.
std::span<const std::string_view> sampler_names();
std::span<const std::string_view> dtype_names();

// Throws Error(kUsage) naming the setting and its value.
void check_clip_settings(const ClipSettings& settings);

// "256x192" -> width, height. Throws Error(kUsage).
void parse_size(std::string_view text, ClipSettings& settings);

// One prompt a line; empty lines and lines that begin with '#' are left out. Throws Error(kFile)
// when the file cannot be read, is over 1 MB or holds no prompt. `count` > 0 keeps the first
// `count`, and asks for that many.
std::vector<std::string> read_prompts(const std::filesystem::path& file, std::int64_t count = 0);

// The folder of the demo model: $TWILL_PRESETS/demo, else presets/demo or share/twill/presets/demo
// beside or above the running program. Throws Error(kFile) saying where it looked.
std::filesystem::path find_demo_model();

// Makes the file's folder if it is not there and tries to write a file in it, so that long work
// does not end in "cannot write". Throws Error(kSystem) naming `file`.
void check_can_write(const std::filesystem::path& file);

}  // namespace twill::jobs
