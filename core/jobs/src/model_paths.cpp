// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/model_paths.h"

#include <yaml-cpp/yaml.h>

#include <cctype>
#include <cstdlib>
#include <optional>
#include <sstream>

#include "twill/plan/error.h"
#include "twill/plan/text.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;
using PathsByKind = std::map<std::string, std::vector<fs::path>>;

constexpr std::uintmax_t kMostListBytes = 1'000'000;

// "~/x", "$HOME/x" and "${HOME}/x"; a variable that is not set stays as it is.
std::string expand(const std::string& path) {
  const auto variable = [](const std::string& name) -> std::optional<std::string> {
    const char* value = name.empty() ? nullptr : std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  std::string expanded;
  std::size_t i = 0;
  if (path == "~" || path.starts_with("~/")) {
    expanded = variable("HOME").value_or("~");
    i = 1;
  }
  while (i < path.size()) {
    if (path[i] == '$') {
      const bool braces = i + 1 < path.size() && path[i + 1] == '{';
      const std::size_t begin = i + (braces ? 2 : 1);
      std::size_t end = begin;
      while (end < path.size() &&
             (std::isalnum(static_cast<unsigned char>(path[end])) || path[end] == '_')) {
        ++end;
      }
      const auto value = variable(path.substr(begin, end - begin));
      if (value && (!braces || (end < path.size() && path[end] == '}'))) {
        expanded += *value;
        i = end + (braces ? 1 : 0);
        continue;
      }
    }
    expanded += path[i++];
  }
  return expanded;
}

std::string kind_of(const std::string& key) {
  return key == "unet" ? "diffusion_models" : key == "clip" ? "text_encoders" : key;
}

void add_section(const YAML::Node& section, const fs::path& file, PathsByKind& paths) {
  const fs::path home = fs::absolute(file).parent_path();
  fs::path base;
  if (section["base_path"]) {
    base = expand(section["base_path"].as<std::string>());
    base = base.is_relative() ? home / base : base;
  }
  for (const auto& entry : section) {
    const std::string key = entry.first.as<std::string>();
    if (key == "base_path" || key == "is_default" || !entry.second.IsScalar()) {
      continue;
    }
    std::istringstream lines(entry.second.as<std::string>());
    for (std::string line; std::getline(lines, line);) {
      const std::size_t begin = line.find_first_not_of(" \t\r");
      if (begin == std::string::npos) {
        continue;
      }
      const std::string text = line.substr(begin, line.find_last_not_of(" \t\r") - begin + 1);
      const fs::path path = base.empty() ? fs::path(expand(text)) : base / text;
      paths[kind_of(key)].push_back((path.is_relative() ? home / path : path).lexically_normal());
    }
  }
}

}  // namespace

PathsByKind read_extra_model_paths(const fs::path& file) {
  const std::string text = read_text(file, kMostListBytes);
  PathsByKind paths;
  try {
    const YAML::Node document = YAML::Load(text);
    require(document.IsMap() || document.IsNull(), ErrorCode::kFile, file.string(),
            ": is not a list of sections, as ComfyUI's extra_model_paths.yaml is");
    for (const auto& section : document) {
      if (section.second.IsMap()) {
        add_section(section.second, file, paths);
      }
    }
  } catch (const YAML::Exception& error) {
    throw Error(ErrorCode::kFile,
                concat(file.string(), ": line ", error.mark.line + 1, ": ", error.msg));
  }
  return paths;
}

}  // namespace twill::jobs
