// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The files that a checkpoint of one network needs beside it, as people keep them for ComfyUI.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "twill/plan/model_files.h"

namespace twill::engine {

// A part of a model, by what is known of it before it is found.
struct WantedPart {
  std::string_view kind;  // of ModelPlaces: "vae"
  std::string what;       // "the VAE of Wan 2.1"
  // As ComfyUI's templates name its files, the best first.
  std::span<const std::string_view> usual_names;
  // By a file's header. What throws Error is another part.
  std::function<bool(const std::filesystem::path&)> fits;
};

// Folders in which files of that kind may lie: that of the model, those of the kind beside the one
// of its own kind ("vae" beside "diffusion_models"), and the model's places. They need not be
// there.
std::vector<std::filesystem::path> folders_of(const ModelFiles& model, std::string_view kind);

// The first that fits: usual names first, then by folder and name. Empty where there is none.
std::filesystem::path look_for_part(const ModelFiles& model, const WantedPart& part);
// Throws MissingPart instead, which says where it was looked for.
std::filesystem::path find_part(const ModelFiles& model, const WantedPart& part);

}  // namespace twill::engine
