// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// By which files a model is named.
#pragma once

#include <concepts>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace twill {

// Folders by what lies in them, in ComfyUI's words: "diffusion_models", "checkpoints", "diffusers",
// "vae", "vae_approx", "text_encoders", "clip_vision", "loras". What stands first is looked at
// first.
using ModelPlaces = std::map<std::string, std::vector<std::filesystem::path>>;

// Those of a folder like ComfyUI's models, of each kind; they need not be there.
ModelPlaces places_below(const std::filesystem::path& models);

// A model is named by one path: its folder, or the checkpoint file of its network. The other files
// of a checkpoint are found around it and in `places` unless they are named here; a folder says
// itself what it has.
struct ModelFiles {
  ModelFiles() = default;
  template <std::convertible_to<std::filesystem::path> Path>
  ModelFiles(Path&& model)  // NOLINT: most models are one path
      : path(std::forward<Path>(model)) {}

  std::filesystem::path path;
  std::filesystem::path low_noise;  // the second expert; `path` is the first then
  std::filesystem::path vae;
  std::filesystem::path text_encoder;
  std::filesystem::path tokenizer;
  std::filesystem::path image_encoder;
  ModelPlaces places;

  bool empty() const { return path.empty(); }
  bool operator==(const ModelFiles&) const = default;
};

}  // namespace twill
