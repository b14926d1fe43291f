// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Where ComfyUI keeps its models.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace twill::jobs {

// Folders of ComfyUI's extra_model_paths.yaml by kind ("diffusion_models", "vae", ...; ComfyUI's
// older words "unet" and "clip" are given as "diffusion_models" and "text_encoders"). As ComfyUI
// reads it: base_path may hold ~ and $VARIABLES, relative paths start at the file's folder, a value
// may have several lines. Throws Error(kFile) naming the file and what is wrong.
std::map<std::string, std::vector<std::filesystem::path>> read_extra_model_paths(
    const std::filesystem::path& file);

}  // namespace twill::jobs
