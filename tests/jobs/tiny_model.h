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
  bool from_pictures = false;  // of wan2.2-i2v: both experts are one file
  bool first_frame = false;    // of wan2.2-ti2v: with a start picture or without
};

// Writes model.json, dit.safetensors, vae.safetensors and text.safetensors; default clip 128 x 128,
// 33 frames (576 tokens; 144 of wan2.2-ti2v), 4 steps. The vocabulary is "a", "red", "blue",
// "ball", "rolls", ",".
void write_tiny_model(const std::filesystem::path& folder, const TinyModel& model = {});

// The same as checkpoints in a folder as ComfyUI has it, with a UMT5 encoder that knows spaces, "a"
// and "b": models/diffusion_models/wan2.1_t2v_tiny.safetensors, or
// wan2.2_i2v_high_noise_tiny.safetensors and its partner from_pictures. Parts have the names of
// ComfyUI's files.
void write_tiny_comfy(const std::filesystem::path& comfy, const TinyModel& model = {});

// A LoRA of two heads' first layer; its folder is made.
void write_tiny_lora(const std::filesystem::path& file);

}  // namespace twill::tests
