// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/model_facts.h"

#include <algorithm>

#include "files.h"
#include "twill/engine/model.h"
#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

std::int64_t bytes_of(const fs::path& file) {
  std::error_code code;
  const std::uintmax_t bytes = fs::file_size(file, code);
  require(!code, ErrorCode::kFile, file.string(), ": ", code.message());
  return static_cast<std::int64_t>(bytes);
}

ClipSettings size_settings(const engine::ClipSize& size) {
  return {.width = size.width, .height = size.height, .frames = size.frames};
}

// The files beside model.json that make the clips, in the order of their names.
std::vector<fs::path> model_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".safetensors" || entry.path().filename() == "model.json") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

ModelFacts read_model_facts(const fs::path& folder) {
  std::error_code code;
  require(fs::is_directory(folder, code), ErrorCode::kFile, folder.string(),
          ": no such model folder");
  const engine::ModelDescription description = engine::describe_model(folder);
  const engine::WanConfig config =
      engine::detect_wan_config(engine::Weights::open(description.dit));
  const engine::ModelDefaults& defaults = description.defaults;
  ModelFacts facts{.folder = folder,
                   .name = fs::absolute(folder).lexically_normal().filename().string(),
                   .shape = engine::model_shape(description.family, config),
                   .defaults = size_settings(defaults.size),
                   .words = engine::TextTable::load(description.text).vocabulary(),
                   .dim = config.dim,
                   .ffn_dim = config.ffn_dim};
  facts.defaults.model = folder;
  facts.defaults.fps = defaults.fps;
  facts.defaults.steps = defaults.steps;
  facts.defaults.shift = defaults.shift;
  facts.defaults.cfg = defaults.cfg;
  facts.defaults.sampler = defaults.sampler;
  for (const engine::ClipSize& size : description.sizes) {
    facts.sizes.push_back(size_settings(size));
  }
  for (const fs::path& file : {description.dit, description.vae, description.text}) {
    facts.weight_bytes += bytes_of(file);
  }
  return facts;
}

ClipSettings with_defaults(const ClipSettings& settings, const ModelFacts& facts) {
  ClipSettings filled = settings;
  const ClipSettings& defaults = facts.defaults;
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

std::string model_fingerprint(const fs::path& folder) {
  std::uint64_t hash = hash_text(engine::describe_model(folder).family);
  for (const fs::path& file : model_files(folder)) {
    hash = hash_text(hex(hash_file(file)), hash);
  }
  return hex(hash);
}

std::string prompt_problem(const ModelFacts& facts, const std::string& prompt) {
  try {
    engine::TextTable::load(engine::describe_model(facts.folder).text).encode(prompt);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace twill::jobs
