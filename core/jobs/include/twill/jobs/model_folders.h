// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Which models a machine has: our own model folders and what ComfyUI knows.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "twill/plan/model_files.h"

namespace twill::jobs {

// A file that a checkpoint needs beside it.
struct MissingPart {
  std::string what;      // "the VAE of Wan 2.1 (16 channels)"
  std::string file;      // what ComfyUI's file of it is called
  std::string sentence;  // with where it was looked for
};

struct FoundModel {
  std::string name;
  ModelFiles files;
  std::int64_t bytes = 0;            // of its weights
  std::string network;               // "a Wan transformer of 30 x 12 heads"; empty for a folder
  std::string obstacle;              // why the engine cannot run it; empty: it can
  std::vector<MissingPart> missing;  // all of a checkpoint; `obstacle` says the first
};

// Models in `folders` (each one itself or its folders, two deep, and checkpoints in them) and in
// the places of the extra_model_paths.yaml `lists`, which may be ComfyUI folders too, by name; two
// experts are one model. Folders that are not there are left out, as ComfyUI does; a list that
// cannot be read is told in `problems`, if given.
std::vector<FoundModel> find_models(const std::vector<std::filesystem::path>& folders,
                                    const std::vector<std::filesystem::path>& lists,
                                    std::vector<std::string>* problems = nullptr);

// The folder of the demo model: $TWILL_PRESETS/demo, else presets/demo or share/twill/presets/demo
// beside or above the running program. Throws Error(kFile) saying where it looked.
std::filesystem::path find_demo_model();

}  // namespace twill::jobs
