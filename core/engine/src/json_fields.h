// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The JSON files beside weights, read field by field with messages that name file, field and value.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "twill/engine/model_description.h"
#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"
#include "twill/plan/text.h"

namespace twill::engine {

// Throws Error(kFile): no such file, more than 1 MB, no JSON.
inline nlohmann::json read_small_json(const std::filesystem::path& file) {
  constexpr std::uintmax_t kMostBytes = 1'000'000;
  return json_tree<nlohmann::json>(read_text(file, kMostBytes), file.string());
}

// One object.
class JsonFields {
 public:
  JsonFields(std::string where, const nlohmann::json& object)
      : where_(std::move(where)), object_(object) {
    require(object.is_object(), ErrorCode::kFile, where_, ": not a JSON object");
  }

  const nlohmann::json& at(const std::string& name) const {
    require(object_.contains(name), ErrorCode::kFile, where_, ": field ", name, " is missing");
    return object_[name];
  }
  bool has(const std::string& name) const { return object_.contains(name); }
  JsonFields object(const std::string& name) const { return {path(name), at(name)}; }
  std::string text(const std::string& name) const {
    require(at(name).is_string(), ErrorCode::kFile, path(name), " is ", json_shown(at(name)),
            ", not text");
    return at(name).get<std::string>();
  }
  std::int32_t integer(const std::string& name, std::int64_t least, std::int64_t most) const {
    const nlohmann::json& value = at(name);
    require(value.is_number_integer() && value >= least && value <= most, ErrorCode::kFile,
            path(name), " is ", json_shown(value), ", not a whole number from ", least, " to ",
            most);
    return value.get<std::int32_t>();
  }
  double number(const std::string& name, double least, double most) const {
    const nlohmann::json& value = at(name);
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
  const nlohmann::json& object_;
};

}  // namespace twill::engine
