// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a model holds, for people who choose: read from its headers, without its weights.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "twill/plan/model_files.h"
#include "twill/plan/plan.h"
#include "twill/plan/published_settings.h"
#include "twill/report/clip_settings.h"

namespace twill::jobs {

struct ModelFacts {
  ModelFiles files;
  std::string name;  // of the folder or the checkpoint
  ModelShape shape;
  report::ClipSettings defaults;  // all but dtype and vram_gib is filled in
  std::vector<report::ClipSettings>
      sizes;  // width, height, frames that it was trained on; may be empty
  // Published for such weights; of a model.json, which says its own, only where heads are theirs.
  std::vector<PublishedSetting> settings;
  std::optional<std::vector<std::string>> words;  // that a prompt may have; none: any
  std::int64_t weight_bytes = 0;                  // of its files
  std::int64_t dim = 0;                           // of the transformer
  std::int64_t ffn_dim = 0;
};

// Throws Error(kFile) naming the file, and the field or tensor and the value where there is one.
ModelFacts read_model_facts(const ModelFiles& model);

// As report::check_clip_settings() and check_pictures() for the model of `clip.model`; where
// none is there, only what holds for every model.
void check_clip(const report::ClipSettings& clip);

// Fills what `settings` leaves empty with the model's defaults, but dtype.
report::ClipSettings with_defaults(const report::ClipSettings& settings, const ModelFacts& facts);

// What a model folder or a checkpoint is called, however its path is written ("presets/demo/",
// "."), as UTF-8.
std::string model_name(const std::filesystem::path& path);

// A hash of model.json, or of what stands for it in a pipeline of diffusers, and of every byte of
// the model's files, shards included: it changes when one of them does. The first time it
// reads them all, some GB a second; after that it reads large files again only when they were
// written to. Throws Error(kFile), Cancelled.
std::string model_fingerprint(const ModelFiles& model, const std::stop_token& stop = {});
// Of its text encoder and tokenizer alone.
std::string text_fingerprint(const ModelFiles& model, const std::stop_token& stop = {});

// A hash of every byte of a LoRA file, shards included. Throws as above.
std::string lora_fingerprint(const std::filesystem::path& file, const std::stop_token& stop = {});
// A model's fingerprint with LoRAs merged: it changes with their bytes, strengths, experts and
// order. Throws as above.
std::string fingerprint_with(const std::string& model, const std::vector<LoraChoice>& loras,
                             const std::stop_token& stop = {});

// Before a model is loaded, what report::check_prompts() throws, and Error(kUsage) for one of them
// or clip's negative prompt whose weights cannot be taken.
void check_prompts(const std::vector<std::string>& prompts, const report::ClipSettings& clip);

// As `generate` would refuse the prompt: an unknown word, too many words, a weight. Empty: it is
// fine.
std::string prompt_problem(const ModelFacts& facts, const std::string& prompt,
                           PromptWeights weights);

}  // namespace twill::jobs
