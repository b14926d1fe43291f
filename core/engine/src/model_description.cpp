// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/model_description.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "diffusers_pipeline.h"
#include "json_fields.h"
#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"
#include "twill/plan/text.h"

namespace twill::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A model's files lie in the model's folder or below it.
fs::path file_inside(const fs::path& folder, const JsonFields& files, const std::string& name) {
  const fs::path relative(files.text(name));
  bool inside = relative.is_relative() && !relative.empty();
  for (const fs::path& part : relative) {
    inside = inside && part != "..";
  }
  require(inside, ErrorCode::kFile, files.path(name), ": \"", relative.string(),
          "\" is not a path inside the folder");
  return folder / relative;
}

const ModelFamily* read_family(const JsonFields& fields) {
  const std::string name = fields.text("family");
  std::string known;
  for (const ModelFamily& family : model_families()) {
    if (family.architecture.empty()) {
      continue;
    }
    if (family.name == name) {
      return &family;
    }
    known += concat(known.empty() ? "" : ", ", family.name);
  }
  throw Error(ErrorCode::kFile,
              concat(fields.path("family"), ": unknown family \"", name, "\"; known are ", known));
}

// Names of the field of each expert's network.
std::vector<std::string> network_fields(const ModelFamily& family) {
  if (family.experts.size() == 1) {
    return {"dit"};
  }
  std::vector<std::string> names;
  for (const std::string& expert : family.experts) {
    names.push_back("dit_" + expert);
  }
  return names;
}

}  // namespace

std::vector<fs::path> ModelDescription::files() const {
  std::vector<fs::path> all = networks;
  for (const fs::path& part : {vae, text, image_encoder}) {
    if (!part.empty() && std::ranges::find(all, part) == all.end()) {
      all.push_back(part);
    }
  }
  return all;
}

fs::path model_file(const fs::path& folder) {
  for (const char* name : {"model.json", kPipelineFile}) {
    std::error_code code;
    if (fs::is_regular_file(folder / name, code)) {
      return folder / name;
    }
  }
  return {};
}

ModelDefaults family_defaults(const ModelFamily& family, const StatedHeads& heads) {
  const auto found = std::ranges::find_if(family.sizes, [&](const ModelSize& size) {
    return size.heads == heads.heads && size.head_dim == heads.head_dim;
  });
  const ModelSize& size = found == family.sizes.end() ? family.sizes.front() : *found;
  return {.size = size.clip,
          .fps = size.fps.value_or(16.0),
          .steps = size.steps,
          .shift = size.shift.value_or(1.0),
          .cfg = size.cfg.value_or(1.0),
          .sampler = "unipc"};
}

ModelDescription describe_model_folder(const fs::path& folder) {
  const fs::path file = folder / "model.json";
  if (model_file(folder).filename() == kPipelineFile) {
    return describe_pipeline(folder);
  }
  const json document = read_small_json(file);
  const JsonFields fields(file.string(), document);
  ModelDescription description{.family = read_family(fields)};
  description.settings = {file};
  const JsonFields defaults = fields.object("default");
  description.defaults = {.size = defaults.clip_size(),
                          .fps = defaults.number("fps", 1, 240),
                          .steps = defaults.integer("steps", 1, 1000),
                          .shift = defaults.number("shift", 0.01, 100),
                          .cfg = Guidance(defaults.number("cfg", 0, 100)),
                          .sampler = defaults.text("sampler")};
  if (document["default"].contains("cfg_second")) {
    description.defaults.cfg.second = defaults.number("cfg_second", 0, 100);
  }
  if (document.contains("sizes")) {
    require(document["sizes"].is_array(), ErrorCode::kFile, fields.path("sizes"), " is not a list");
    for (const json& size : document["sizes"]) {
      description.sizes.push_back(JsonFields(fields.path("sizes"), size).clip_size());
    }
  }
  const JsonFields files = fields.object("files");
  std::vector<std::string> known = network_fields(*description.family);
  const std::vector<std::string> networks = known;
  known.insert(known.end(), {"vae", "text", "tokenizer"});
  const bool sees = description.family->image && description.family->image->encoder;
  if (sees) {
    known.emplace_back("image_encoder");
  }
  files.check_known(known);
  for (const std::string& name : networks) {
    description.networks.push_back(file_inside(folder, files, name));
  }
  description.vae = file_inside(folder, files, "vae");
  description.text = file_inside(folder, files, "text");
  if (sees) {
    description.image_encoder = file_inside(folder, files, "image_encoder");
  }
  if (files.has("tokenizer")) {
    description.tokenizer = file_inside(folder, files, "tokenizer");
  }
  return description;
}

}  // namespace twill::engine
