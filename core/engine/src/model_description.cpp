// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/model_description.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"
#include "twill/plan/text.h"

namespace twill::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uintmax_t kMostBytes = 1'000'000;

// One JSON object of model.json, read field by field with exact messages.
class Fields {
 public:
  Fields(std::string where, const json& object) : where_(std::move(where)), object_(object) {
    require(object.is_object(), ErrorCode::kFile, where_, ": not a JSON object");
  }

  const json& at(const std::string& name) const {
    require(object_.contains(name), ErrorCode::kFile, where_, ": field ", name, " is missing");
    return object_[name];
  }
  bool has(const std::string& name) const { return object_.contains(name); }
  Fields object(const std::string& name) const { return {path(name), at(name)}; }
  std::string text(const std::string& name) const {
    require(at(name).is_string(), ErrorCode::kFile, path(name), " is ", json_shown(at(name)),
            ", not text");
    return at(name).get<std::string>();
  }
  std::int32_t integer(const std::string& name, std::int64_t least, std::int64_t most) const {
    const json& value = at(name);
    require(value.is_number_integer() && value >= least && value <= most, ErrorCode::kFile,
            path(name), " is ", json_shown(value), ", not a whole number from ", least, " to ",
            most);
    return value.get<std::int32_t>();
  }
  double number(const std::string& name, double least, double most) const {
    const json& value = at(name);
    require(value.is_number() && value >= least && value <= most, ErrorCode::kFile, path(name),
            " is ", json_shown(value), ", not a number from ", least, " to ", most);
    return value.get<double>();
  }
  // A part that is not known would be left out of the model.
  void check_known(const std::vector<std::string>& names) const {
    std::string list;
    for (std::size_t i = 0; i < names.size(); ++i) {
      list += concat(i == 0 ? "" : i + 1 < names.size() ? ", " : " and ", names[i]);
    }
    for (const auto& [name, value] : object_.items()) {
      require(std::ranges::find(names, name) != names.end(), ErrorCode::kFile, where_, ".", name,
              " is not known; known are ", list);
    }
  }
  ClipSize clip_size() const {
    return {integer("width", 1, kMostSide), integer("height", 1, kMostSide),
            integer("frames", 1, kMostFrames)};
  }
  std::string path(const std::string& name) const { return where_ + "." + name; }

 private:
  std::string where_;
  const json& object_;
};

json read_json(const fs::path& file) {
  return json_tree<json>(read_text(file, kMostBytes), file.string());
}

// A model's files lie in the model's folder or below it.
fs::path file_inside(const fs::path& folder, const Fields& files, const std::string& name) {
  const fs::path relative(files.text(name));
  bool inside = relative.is_relative() && !relative.empty();
  for (const fs::path& part : relative) {
    inside = inside && part != "..";
  }
  require(inside, ErrorCode::kFile, files.path(name), ": \"", relative.string(),
          "\" is not a path inside the folder");
  return folder / relative;
}

const ModelFamily* read_family(const Fields& fields) {
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
  all.insert(all.end(), {vae, text});
  return all;
}

ModelDescription describe_model(const fs::path& folder) {
  const fs::path file = folder / "model.json";
  const json document = read_json(file);
  const Fields fields(file.string(), document);
  ModelDescription description{.family = read_family(fields)};
  const Fields defaults = fields.object("default");
  description.defaults = {.size = defaults.clip_size(),
                          .fps = defaults.number("fps", 1, 240),
                          .steps = defaults.integer("steps", 1, 1000),
                          .shift = defaults.number("shift", 0.01, 100),
                          .cfg = defaults.number("cfg", 0, 100),
                          .sampler = defaults.text("sampler")};
  if (document.contains("sizes")) {
    require(document["sizes"].is_array(), ErrorCode::kFile, fields.path("sizes"), " is not a list");
    for (const json& size : document["sizes"]) {
      description.sizes.push_back(Fields(fields.path("sizes"), size).clip_size());
    }
  }
  const Fields files = fields.object("files");
  std::vector<std::string> known = network_fields(*description.family);
  const std::vector<std::string> networks = known;
  known.insert(known.end(), {"vae", "text", "tokenizer"});
  files.check_known(known);
  for (const std::string& name : networks) {
    description.networks.push_back(file_inside(folder, files, name));
  }
  description.vae = file_inside(folder, files, "vae");
  description.text = file_inside(folder, files, "text");
  if (files.has("tokenizer")) {
    description.tokenizer = file_inside(folder, files, "tokenizer");
  }
  return description;
}

}  // namespace twill::engine
