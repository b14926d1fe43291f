// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/model_description.h"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string_view>

#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"
#include "twill/plan/text.h"

namespace twill::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kFamily = "wan2.1-t2v";
constexpr std::uintmax_t kMostBytes = 1'000'000;

// One JSON object of model.json, read field by field with exact messages.
class Fields {
 public:
  Fields(std::string where, const json& object) : where_(std::move(where)), object_(object) {
    require(object.is_object(), ErrorCode::kFile, where_, ": not a JSON object");
  }

  const json& at(const char* name) const {
    require(object_.contains(name), ErrorCode::kFile, where_, ": field ", name, " is missing");
    return object_[name];
  }
  Fields object(const char* name) const { return {path(name), at(name)}; }
  std::string text(const char* name) const {
    require(at(name).is_string(), ErrorCode::kFile, path(name), " is ", json_shown(at(name)),
            ", not text");
    return at(name).get<std::string>();
  }
  std::int32_t integer(const char* name, std::int64_t least, std::int64_t most) const {
    const json& value = at(name);
    require(value.is_number_integer() && value >= least && value <= most, ErrorCode::kFile,
            path(name), " is ", json_shown(value), ", not a whole number from ", least, " to ",
            most);
    return value.get<std::int32_t>();
  }
  double number(const char* name, double least, double most) const {
    const json& value = at(name);
    require(value.is_number() && value >= least && value <= most, ErrorCode::kFile, path(name),
            " is ", json_shown(value), ", not a number from ", least, " to ", most);
    return value.get<double>();
  }
  // A part that is not known would be left out of the model.
  void check_known(std::initializer_list<std::string_view> names) const {
    for (const auto& [name, value] : object_.items()) {
      require(std::ranges::find(names, name) != names.end(), ErrorCode::kFile, where_, ".", name,
              " is not known; known are dit, vae and text");
    }
  }
  ClipSize clip_size() const {
    return {integer("width", 1, kMostSide), integer("height", 1, kMostSide),
            integer("frames", 1, kMostFrames)};
  }
  std::string path(const char* name) const { return where_ + "." + name; }

 private:
  std::string where_;
  const json& object_;
};

json read_json(const fs::path& file) {
  return json_tree<json>(read_text(file, kMostBytes), file.string());
}

// Weight files lie in the model's folder or below it.
fs::path weight_file(const fs::path& folder, const Fields& files, const char* name) {
  const fs::path relative(files.text(name));
  bool inside = relative.is_relative() && !relative.empty();
  for (const fs::path& part : relative) {
    inside = inside && part != "..";
  }
  require(inside, ErrorCode::kFile, files.path(name), ": \"", relative.string(),
          "\" is not a path inside the folder");
  return folder / relative;
}

}  // namespace

ModelDescription describe_model(const fs::path& folder) {
  const fs::path file = folder / "model.json";
  const json document = read_json(file);
  const Fields fields(file.string(), document);
  ModelDescription description{.family = fields.text("family")};
  require(description.family == kFamily, ErrorCode::kFile, fields.path("family"),
          ": unknown family \"", description.family, "\"; known is ", kFamily);
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
  files.check_known({"dit", "vae", "text"});
  description.dit = weight_file(folder, files, "dit");
  description.vae = weight_file(folder, files, "vae");
  description.text = weight_file(folder, files, "text");
  return description;
}

}  // namespace twill::engine
