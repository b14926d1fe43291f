// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/model_facts.h"

#include <algorithm>
#include <string>
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

// As the defaults are: those of weights of so many heads, else of the family's first.
std::vector<PublishedSetting> settings_of(const engine::ModelDescription& description,
                                          const engine::NetworkFacts& network) {
  const ModelFamily& family = *description.family;
  const auto found = std::ranges::find_if(family.sizes, [&](const ModelSize& size) {
    return size.heads == network.stacks.front().heads && size.head_dim == network.head_dim;
  });
  if (found != family.sizes.end()) {
    return published_settings(family, static_cast<std::size_t>(found - family.sizes.begin()));
  }
  const std::vector<fs::path>& files = description.settings;
  const bool states_its_own = files.size() == 1 && files.front().filename() == "model.json";
  return states_its_own ? std::vector<PublishedSetting>() : published_settings(family, 0);
}

}  // namespace

ModelFacts read_model_facts(const ModelFiles& files) {
  require(engine::is_model_there(files), ErrorCode::kFile, files.path.string(),
          ": no such model folder or file");
  const engine::ModelDescription description = engine::describe_model(files);
  const engine::VideoModel model = engine::inspect_model(files);
  const engine::NetworkFacts& network = model.facts();
  const engine::ModelDefaults& defaults = description.defaults;
  ModelFacts facts{.files = files,
                   .name = model_name(files.path),
                   .shape = model.shape(),
                   .defaults = size_settings(defaults.size),
                   .settings = settings_of(description, network),
                   .dim = network.dim,
                   .ffn_dim = network.ffn_dim};
  if (const std::vector<std::string>* words = model.text->words()) {
    facts.words = *words;
  }
  facts.defaults.model = files;
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
  if (engine::is_model_there(clip.model)) {
    const ModelFamily& family = *engine::describe_model(clip.model).family;
    report::check_clip_settings(clip, family);
    report::check_pictures(clip, family);
  }
}

std::string model_name(const fs::path& path) {
  std::error_code code;
  const fs::path whole = fs::absolute(path, code).lexically_normal();
  fs::path name = (whole.has_filename() ? whole : whole.parent_path()).filename();
  if (engine::is_weight_file(name)) {
    const std::string text = name.string();
    name = text.substr(0, std::min(text.rfind(".safetensors"), text.rfind(".gguf")));
  }
  return valid_utf8(name.string());
}

report::ClipSettings with_defaults(const report::ClipSettings& settings, const ModelFacts& facts) {
  report::ClipSettings filled = settings;
  const report::ClipSettings& defaults = facts.defaults;
  filled.model = facts.files;
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

std::string model_fingerprint(const ModelFiles& model, const std::stop_token& stop) {
  const engine::ModelDescription description = engine::describe_model(model);
  std::vector<fs::path> files = model_files(description);
  files.insert(files.end(), description.settings.begin(), description.settings.end());
  std::uint64_t hash = hash_text(description.family->name);
  for (const fs::path& file : files) {
    hash = hash_text(hex(hash_file(file, stop)), hash);
  }
  return hex(hash);
}

std::string text_fingerprint(const ModelFiles& model, const std::stop_token& stop) {
  const engine::ModelDescription description = engine::describe_model(model);
  std::vector<fs::path> files = engine::weight_files(description.text);
  if (!description.tokenizer.empty()) {
    files.push_back(description.tokenizer);
  }
  std::uint64_t hash = 0;
  for (const fs::path& file : files) {
    hash = hash_text(hex(hash_file(file, stop)), hash);
  }
  return hex(hash);
}

std::string lora_fingerprint(const fs::path& file, const std::stop_token& stop) {
  std::uint64_t hash = 0;
  for (const fs::path& part : engine::weight_files(file)) {
    hash = hash_text(hex(hash_file(part, stop)), hash);
  }
  return hex(hash);
}

std::string fingerprint_with(const std::string& model, const std::vector<LoraChoice>& loras,
                             const std::stop_token& stop) {
  std::string known = model;
  for (const LoraChoice& lora : loras) {
    const std::string one = lora_text({.file = lora_fingerprint(lora.file, stop),
                                       .strength = lora.strength,
                                       .expert = lora.expert});
    known = hex(hash_text(concat(known, " ", one)));
  }
  return known;
}

void check_prompts(const std::vector<std::string>& prompts, const report::ClipSettings& clip) {
  report::check_prompts(prompts);
  for (const std::string& prompt : prompts) {
    engine::read_prompt(prompt, clip.prompt_weights);
  }
  engine::read_prompt(clip.negative_prompt, clip.prompt_weights);
}

std::string prompt_problem(const ModelFacts& facts, const std::string& prompt,
                           PromptWeights weights) {
  try {
    const engine::ReadPrompt read = engine::read_prompt(prompt, weights);
    if (facts.words) {
      engine::load_text_encoder(facts.files)->encode(read.prompt);
    }
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace twill::jobs
