// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A model folder with random weights, small enough to make a clip in well under a second.
#pragma once

#include <cstdint>
#include <filesystem>

namespace twill::tests {

struct TinyModel {
  std::int64_t layers = 2;
  std::int64_t heads = 2;  // x 64
  std::uint64_t seed = 1;
};

// Writes model.json, dit.safetensors, vae.safetensors and text.safetensors; default clip 128 x 128,
// 33 frames (576 tokens), 4 steps. The vocabulary is "a", "red", "blue", "ball", "rolls", ",".
void write_tiny_model(const std::filesystem::path& folder, const TinyModel& model = {});

}  // namespace twill::tests
