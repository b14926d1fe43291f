// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/model_files.h"

#include <array>
#include <string_view>

namespace twill {
namespace {

// As folder_paths.py of ComfyUI 0.30.0 has them.
struct KindFolder {
  std::string_view kind;
  std::string_view name;
};
constexpr std::array kKindFolders{
    KindFolder{"diffusion_models", "unet"},
    KindFolder{"diffusion_models", "diffusion_models"},
    KindFolder{"checkpoints", "checkpoints"},
    KindFolder{"diffusers", "diffusers"},
    KindFolder{"vae", "vae"},
    KindFolder{"vae_approx", "vae_approx"},
    KindFolder{"text_encoders", "text_encoders"},
    KindFolder{"text_encoders", "clip"},
    KindFolder{"clip_vision", "clip_vision"},
    KindFolder{"loras", "loras"},
};

}  // namespace

ModelPlaces places_below(const std::filesystem::path& models) {
  ModelPlaces places;
  for (const auto& [kind, name] : kKindFolders) {
    places[std::string(kind)].push_back(models / name);
  }
  return places;
}

}  // namespace twill
