// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a model has: its files, and what it runs with unless told otherwise. A model folder says it:
// model.json beside the weight files that it names, or a pipeline as diffusers saves it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "twill/plan/model_families.h"

namespace twill::engine {

// Of a clip, in pixels.
inline constexpr std::int32_t kMostSide = 16384;
inline constexpr std::int32_t kMostFrames = 100'000;

using twill::ClipSize;

// What the model runs with unless told otherwise.
struct ModelDefaults {
  ClipSize size;
  double fps = 0.0;
  std::int32_t steps = 0;
  double shift = 0.0;
  Guidance cfg;  // 1: none
  std::string sampler;
};

// What diffusers' config.json says of a network; in other files the weights' header says it.
struct StatedHeads {
  std::int64_t heads = 0;
  std::int64_t head_dim = 0;
};

// No weights are read.
struct ModelDescription {
  const ModelFamily* family = nullptr;  // one that the engine has networks for
  ModelDefaults defaults;
  std::vector<ClipSize> sizes;  // that it was trained on; may be empty
  // Files of a folder are not looked for yet.
  std::vector<std::filesystem::path> networks;  // of each expert
  std::filesystem::path vae;
  std::filesystem::path text;
  // A SentencePiece model; empty where the text side has its own inside, or needs none.
  std::filesystem::path tokenizer;
  std::filesystem::path image_encoder;  // empty where the family's networks take none
  std::int64_t image_heads = 0;         // as heads below; 0: the weights say
  std::vector<StatedHeads> heads;       // of each expert; empty where the weights say
  // model.json, or all the JSON files that were read of a pipeline; none of a checkpoint.
  std::vector<std::filesystem::path> settings;

  // Of weights: all but the tokenizer, each once.
  std::vector<std::filesystem::path> files() const;
};

// The file by which a folder is told to be a model: its model.json, else its model_index.json.
// Empty where it has neither.
std::filesystem::path model_file(const std::filesystem::path& folder);

// Throws Error(kFile) naming file, field and value when the folder is not what it should be,
// Error(kUnsupported) for a pipeline that the engine does not run. describe_model() of model.h
// takes checkpoints too.
ModelDescription describe_model_folder(const std::filesystem::path& folder);

// The authors' setting for weights of so many heads, else for the family's first; with UniPC.
ModelDefaults family_defaults(const ModelFamily& family, const StatedHeads& heads);

}  // namespace twill::engine
