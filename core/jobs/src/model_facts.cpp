// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/model_facts.h"

#include <utility>

#include "twill/engine/model.h"
#include "twill/engine/weights.h"
#include "twill/jobs/file_hash.h"
#include "twill/plan/error.h"
#include "twill/plan/text.h"
#include "twill/plan/text_hash.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

std::int64_t bytes_of(const fs::path& file) {
  std::error_code code;
  const std::uintmax_t bytes = fs::file_size(file, code);
  require(!code, ErrorCode::kFile, file.string(), ": ", code.message());
  return static_cast<std::int64_t>(bytes);
}

report::ClipSettings size_settings(const engine::ClipSize& size) {
  return {.width = size.width, .height = size.height, .frames = size.frames};
}

// All files of the model, wherever model.json says that they lie.
std::vector<fs::path> model_files(const engine::ModelDescription& description) {
  std::vector<fs::path> files;
  for (const fs::path& part : description.files()) {
    for (fs::path& file : engine::weight_files(part)) {
      files.push_back(std::move(file));
    }
  }
  if (!description.tokenizer.empty()) {
    files.push_back(description.tokenizer);
  }
  return files;
}

}  // namespace

ModelFacts read_model_facts(const fs::path& folder) {
  std::error_code code;
  require(fs::is_directory(folder, code), ErrorCode::kFile, folder.string(),
          ": no such model folder");
  const engine::ModelDescription description = engine::describe_model(folder);
  const engine::VideoModel model = engine::inspect_model(folder);
  const engine::NetworkFacts& network = model.facts();
  const engine::ModelDefaults& defaults = description.defaults;
  ModelFacts facts{.folder = folder,
                   .name = model_name(folder),
                   .shape = model.shape(),
                   .defaults = size_settings(defaults.size),
                   .dim = network.dim,
                   .ffn_dim = network.ffn_dim};
  if (const std::vector<std::string>* words = model.text->words()) {
    facts.words = *words;
  }
  facts.defaults.model = folder;
  facts.defaults.fps = defaults.fps;
  facts.defaults.steps = defaults.steps;
  facts.defaults.shift = defaults.shift;
  facts.defaults.cfg = defaults.cfg;
  facts.defaults.sampler = defaults.sampler;
  for (const engine::ClipSize& size : description.sizes) {
    facts.sizes.push_back(size_settings(size));
  }
  for (const fs::path& file : model_files(description)) {
    facts.weight_bytes += bytes_of(file);
  }
  return facts;
}

void check_clip(const report::ClipSettings& clip) {
  report::check_clip_settings(clip);
  std::error_code code;
  if (fs::is_directory(clip.model, code)) {
    report::check_clip_settings(clip, *engine::describe_model(clip.model).family);
  }
}

std::string model_name(const fs::path& folder) {
  std::error_code code;
  const fs::path whole = fs::absolute(folder, code).lexically_normal();
  return valid_utf8((whole.has_filename() ? whole : whole.parent_path()).filename().string());
}

report::ClipSettings with_defaults(const report::ClipSettings& settings, const ModelFacts& facts) {
  report::ClipSettings filled = settings;
  const report::ClipSettings& defaults = facts.defaults;
  filled.model = facts.folder;
  filled.width = settings.width ? settings.width : defaults.width;
  filled.height = settings.height ? settings.height : defaults.height;
  filled.frames = settings.frames ? settings.frames : defaults.frames;
  filled.fps = settings.fps ? settings.fps : defaults.fps;
  filled.steps = settings.steps ? settings.steps : defaults.steps;
  filled.shift = settings.shift ? settings.shift : defaults.shift;
  filled.cfg = settings.cfg ? settings.cfg : defaults.cfg;
  filled.sampler = settings.sampler ? settings.sampler : defaults.sampler;
  return filled;
}

std::string model_fingerprint(const fs::path& folder, const std::stop_token& stop) {
  const engine::ModelDescription description = engine::describe_model(folder);
  std::vector<fs::path> files = model_files(description);
  files.insert(files.end(), description.settings.begin(), description.settings.end());
  std::uint64_t hash = hash_text(description.family->name);
  for (const fs::path& file : files) {
    hash = hash_text(hex(hash_file(file, stop)), hash);
  }
  return hex(hash);
}

std::string prompt_problem(const ModelFacts& facts, const std::string& prompt) {
  if (!facts.words) {
    return {};
  }
  try {
    engine::load_text_encoder(facts.folder)->encode(prompt);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace twill::jobs
