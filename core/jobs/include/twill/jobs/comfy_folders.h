// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The models that ComfyUI's users have already.
#pragma once

#include <filesystem>
#include <vector>

#include "twill/plan/lora_choice.h"
#include "twill/plan/model_files.h"

namespace twill::jobs {

// Folders of ComfyUI (or of models like its own), or extra_model_paths.yaml files; a ComfyUI folder
// brings its own extra_model_paths.yaml. None named: those of the environment variable
// TWILL_COMFYUI, parted by ':', else ComfyUI's usual places in the working and the home folder.
// Throws Error(kFile) naming one that is neither.
ModelPlaces comfy_places(const std::vector<std::filesystem::path>& named = {});

// Those folders of TWILL_COMFYUI, or of ComfyUI's usual places that are there; none: no ComfyUI is
// known here.
std::vector<std::filesystem::path> usual_comfy_folders();
// Whether a folder is ComfyUI's, or one of models like its own.
bool is_comfy_folder(const std::filesystem::path& folder);

// `asked` with the path of its model: as it is where that is there or absolute, else by the name
// that ComfyUI shows for it ("wan/wan2.1_t2v_1.3B_fp16.safetensors", with or without the ending) in
// asked.places. Throws Error(kFile) saying where it looked.
ModelFiles find_model(const ModelFiles& asked);

// Whether each is a file that is there, or absolute: no folder of ComfyUI is needed for them.
bool are_loras_there(const std::vector<LoraChoice>& loras);
// The same of LoRA files: "wan/lightx2v_rank64", with or without .safetensors. Throws Error(kFile)
// saying where it looked.
std::vector<LoraChoice> find_loras(std::vector<LoraChoice> loras, const ModelPlaces& places);

}  // namespace twill::jobs
